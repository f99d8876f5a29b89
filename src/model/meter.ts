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
  | 'UINT24'
  | 'INT24'
  | 'UINT48'
  | 'INT48'
  | 'FLOAT32'
  | 'FLOAT64'
  | 'MOD10K'
  | 'BCD'
  | 'PF_QUADRANT'
  | 'PF_IEEE_4Q'
  | 'SM16'
  | 'BOOL'
  | 'STRING'
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
  /**
   * What else gives a value its meaning: a metric whose scaling changes gets a new topic row under the same name. Text
   * such as `×0.1 +0 primary`, made by the configuration; left out where it is not known (an import).
   */
  readonly scaling?: string;
  /** Plausible largest value (gauge) or largest increase per hour (counter), in `unit`; left out: not known. */
  readonly maximum?: number;
  /**
   * For imports: since when (ms UTC) this meaning of the metric is one of the past. Its readings go to a retired topic of this
   * meaning, beside the metric's present topic of the same name. Left out: it is the present one.
   */
  readonly retired?: number;
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
  /** Metrics with the same group are read in one request and stored together or not at all; left out: none. */
  readonly group?: string;
  /** `once`: read at start, after each reconnect and daily; no topic of its own. Left out: read in every cycle. */
  readonly read?: 'always' | 'once';
  /** Texts for raw values, e.g. 0 → off; for `once` metrics. */
  readonly labels?: ReadonlyMap<number, string>;
}

/** What a meter of this type can take; null: nothing known, the configuration's values count. */
export interface MapLimits {
  readonly maxRegisters: number | null;
  readonly maxGap: number | null;
  readonly pauseMs: number | null;
  /** Rest after connecting before the first request, ms. */
  readonly connectDelayMs: number | null;
}

/** Names of the `once` metrics that tell which device answers; null: the map names none. */
export interface MapIdentity {
  readonly serialNumber: string | null;
  readonly model: string | null;
  readonly firmware: string | null;
}

export interface RegisterMap {
  /** File name without folder and ending, e.g. `eaton-pxm4000`. */
  readonly name: string;
  /** Path it was read from. */
  readonly file: string;
  readonly metrics: readonly Metric[];
  readonly limits: MapLimits;
  readonly identity: MapIdentity;
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
  /** The metrics that become readings (`once` metrics are not among them), in the order of `Poll.values`. */
  readonly metrics: readonly MetricInfo[];
  readonly ctRatio?: number;
  readonly ptRatio?: number;
  /** Hash of the map's content; left out where it is not known (an import). */
  readonly mapHash?: string;
  /** The meter's name before it was renamed in the configuration: its history goes on under the new name. */
  readonly was?: string;
  /** Largest power that the meter can have measured, in watts; left out: not known. */
  readonly maxPowerW?: number;
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

/** A serial port's settings. */
export interface SerialLine {
  readonly path: string;
  readonly baudRate: number;
  readonly parity: 'none' | 'even' | 'odd';
  readonly dataBits: 7 | 8;
  readonly stopBits: 1 | 2;
}

/** Where a link leads: TCP (`mbap` frames, or `rtu` frames through a transparent converter), or a serial port (RTU). */
export type Endpoint =
  | { readonly type: 'tcp'; readonly host: string; readonly port: number; readonly framing: 'mbap' | 'rtu' }
  | { readonly type: 'serial'; readonly line: SerialLine };

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
  /** Left out: TCP to `host`:`port` with MBAP frames. On a serial line `host` is the device path and `port` 0. */
  readonly endpoint?: Endpoint;
  /** Metrics that are read once (at start, after each reconnect, daily): identity and the like. */
  readonly onceMetrics?: readonly Metric[];
  readonly identity?: MapIdentity;
  /** Rest after connecting before the first request. */
  readonly connectDelayMs?: number;
  /** False: the connection is closed after each poll. */
  readonly keepConnection?: boolean;
  /** Least time between two connection attempts. */
  readonly reconnectWaitMs?: number;
  /** `ignore`: any MBAP transaction id is accepted. */
  readonly transactionId?: 'check' | 'ignore';
  /** The serial number that must answer; another one's values are not stored. */
  readonly serialNumber?: string;
}

export const topicOf = (meter: MeterInfo, metric: MetricInfo): string => `${meter.name}/${metric.name}`;

/** Meters with the same key share one link: `host:port`, or the path of a serial port. */
export const linkKeyOf = (meter: {
  readonly host: string;
  readonly port: number;
  readonly endpoint?: Endpoint;
}): string => {
  if (meter.endpoint?.type === 'serial') return meter.endpoint.line.path;
  return `${meter.host.includes(':') ? `[${meter.host}]` : meter.host}:${meter.port}`;
};
