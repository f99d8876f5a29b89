// What a meter and its metrics are. Built once from configuration and spreadsheet, then never changed: everything that
// can be derived from them (plans, decoders, topic ids) is derived once and keyed by identity.

/** Which Modbus table a metric lives in, and so by which function code it is read: 3, 4, 1, 2. */
export type RegisterFunction = 'holding' | 'input' | 'coil' | 'discrete';

export type Order = 'big' | 'little';

export type BitType = `BIT${0 | 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9 | 10 | 11 | 12 | 13 | 14 | 15}`;

export type DataType =
  | 'UINT8'
  | 'INT8'
  | 'UINT16'
  | 'INT16'
  | 'UINT32'
  | 'INT32'
  | 'UINT64'
  | 'INT64'
  | 'FLOAT32'
  | 'FLOAT64'
  | 'MOD10K'
  | 'BCD'
  | 'PF_QUADRANT'
  | 'PF_IEEE_4Q'
  | 'SM16'
  | 'BOOL'
  | BitType;

/** A counter runs forward and starts again from zero at `range` (in the metric's unit); null: it never wraps. */
export type MetricKind = { readonly type: 'gauge' } | { readonly type: 'counter'; readonly range: number | null };

/** Values measured behind a current or voltage transformer are multiplied by the meter's ratios. */
export type Side = 'primary' | 'secondary-current' | 'secondary-voltage' | 'secondary-power';

/** What the database keeps of a metric. */
export interface MetricInfo {
  readonly name: string;
  readonly description: string;
  /** As in the spreadsheet, e.g. `kWh`; empty: no unit. */
  readonly unit: string;
  readonly dataType: DataType;
  readonly kind: MetricKind;
}

/** One row of a register map. value = raw × scale × 10^exponent × ratios + offset */
export interface Metric extends MetricInfo {
  readonly function: RegisterFunction;
  /** Zero-based wire address, 0–65535. */
  readonly address: number;
  /** Registers (or bits, for coils and discrete inputs). */
  readonly size: number;
  readonly wordOrder: Order;
  readonly byteOrder: Order;
  readonly scale: number;
  readonly offset: number;
  /** Raw codes, as unsigned integers of the metric's whole width, that mean "no value". */
  readonly notAvailable: readonly bigint[];
  readonly side: Side;
  /** Name of the metric of the same map that holds the power of ten to scale by (SunSpec, PM800); null: none. */
  readonly exponent: string | null;
}

/** What a meter of this type can take; null: nothing known, the configuration's values count. */
export interface MapLimits {
  readonly maxRegisters: number | null;
  readonly maxGap: number | null;
  readonly pauseMs: number | null;
}

export interface RegisterMap {
  /** File name without folder and ending, e.g. `eaton-pxm4000`. */
  readonly name: string;
  /** Path it was read from. */
  readonly file: string;
  readonly metrics: readonly Metric[];
  readonly limits: MapLimits;
}

/** A meter's identity and metrics as the recorder, the spool and the store know them. */
export interface MeterInfo {
  /** Topic prefix, unique. A metric's topic is `<name>/<metric name>`. */
  readonly name: string;
  readonly host: string;
  readonly port: number;
  readonly unitId: number;
  /** Name of its register map. */
  readonly mapName: string;
  readonly metrics: readonly MetricInfo[];
}

/** When a meter is read: on a grid (an interval that divides a minute, hour or day evenly) or by a cron expression. */
export interface MeterSchedule {
  /** As configured: `15s` or a 5- or 6-field cron expression. */
  readonly text: string;
  /** The same as a six-field cron expression for node-cron. */
  readonly cron: string;
  /** Milliseconds between slots; null for a cron expression, whose slots may be uneven. */
  readonly intervalMs: number | null;
  readonly timezone: string;
}

/** One Modbus unit, with everything that reading it takes: configuration and map limits already merged. */
export interface Meter extends MeterInfo {
  readonly metrics: readonly Metric[];
  /** The spreadsheet that the metrics come from. */
  readonly mapFile: string;
  readonly worksheet: string;
  readonly schedule: MeterSchedule;
  readonly ctRatio: number;
  readonly ptRatio: number;
  readonly timeoutMs: number;
  /** Tries after the first one that a failed request gets. */
  readonly retries: number;
  readonly retryWaitMs: number;
  /** Least time between the end of a request and the start of the next on this meter's link. */
  readonly pauseMs: number;
  /** Most registers in one request. */
  readonly maxRegisters: number;
  /** Most unwanted registers a request may read over to save another request. */
  readonly maxGap: number;
}

export const topicOf = (meter: MeterInfo, metric: MetricInfo): string => `${meter.name}/${metric.name}`;

/** Meters with the same key share one link. */
export const linkKeyOf = (meter: { readonly host: string; readonly port: number }): string =>
  `${meter.host.includes(':') ? `[${meter.host}]` : meter.host}:${meter.port}`;
