// One meter from what its keys say, what its register map says, and the settings for all meters, in this order.

import { createHash } from 'node:crypto';
import type { Endpoint, Meter, Metric, RegisterMap, SerialLine } from '../model/meter.js';
import type { Draft } from './meter-checks.js';
import type { KeyName, MeterValues, Values } from './schema.js';

export interface Defaults {
  readonly values: Values;
  /** Settings that were written: they beat what a map says. */
  readonly explicit: ReadonlySet<KeyName>;
}

/** The meter, frozen. Metrics that are read once are apart from the others, which become readings. */
export function completeMeter({ values: own, raw }: Draft, map: RegisterMap, { values, explicit }: Defaults): Meter {
  const { text, cron, intervalMs } = own.schedule ?? values.schedule;
  const endpoint = endpointOf(own);
  const ctRatio = own.ctRatio ?? 1;
  const ptRatio = own.ptRatio ?? 1;
  const metrics = map.metrics.map((metric) => ({ ...metric, scaling: scalingText(metric, { ctRatio, ptRatio }) }));
  return Object.freeze({
    name: own.name ?? raw.place,
    host: endpoint.type === 'tcp' ? endpoint.host : endpoint.line.path,
    port: endpoint.type === 'tcp' ? endpoint.port : 0,
    unitId: own.unitId ?? 1,
    mapName: map.name,
    metrics: metrics.filter(({ read }) => read !== 'once'),
    onceMetrics: metrics.filter(({ read }) => read === 'once'),
    mapHash: mapHash(map.metrics),
    identity: map.identity,
    mapFile: map.file,
    worksheet: own.worksheet ?? 'Metrics',
    // An interval's slots are counted from midnight UTC, so that every collector and every query sees the same grid.
    schedule: Object.freeze({ text, cron, intervalMs, timezone: intervalMs === null ? values.timezone : 'UTC' }),
    ctRatio,
    ptRatio,
    timeoutMs: own.timeout ?? values['modbus.timeout'],
    retries: own.retries ?? values['modbus.retries'],
    retryWaitMs: own.retryWait ?? values['modbus.retryWait'],
    pauseMs: own.pause ?? limited('modbus.pause', map.limits.pauseMs),
    maxRegisters: own.maxRegisters ?? limited('modbus.maxRegisters', map.limits.maxRegisters),
    maxGap: own.maxGap ?? limited('modbus.maxGap', map.limits.maxGap),
    endpoint,
    connectDelayMs: own.connectDelay ?? map.limits.connectDelayMs ?? 0,
    keepConnection: own.keepConnection ?? true,
    reconnectWaitMs: own.reconnectWait ?? 0,
    transactionId: own.transactionId === 'ignore' ? 'ignore' : 'check',
    ...(own.serialNumber === undefined ? {} : { serialNumber: own.serialNumber }),
    ...(own.maxPower === undefined ? {} : { maxPowerW: own.maxPower }),
    ...(own.was === undefined ? {} : { was: own.was }),
  });

  function limited(key: 'modbus.pause' | 'modbus.maxRegisters' | 'modbus.maxGap', ofMap: number | null): number {
    return explicit.has(key) ? values[key] : (ofMap ?? values[key]);
  }
}

/** Where the meter's link leads. */
export function endpointOf(own: MeterValues): Endpoint {
  if (own.serial === undefined) {
    const framing = own.framing === 'rtu' ? 'rtu' : 'mbap';
    return Object.freeze({ type: 'tcp', host: own.host ?? '', port: own.port ?? 502, framing });
  }
  const line: SerialLine = {
    path: own.serial,
    baudRate: own.baudRate ?? 9600,
    parity: own.parity === 'none' || own.parity === 'odd' ? own.parity : 'even',
    dataBits: own.dataBits === 7 ? 7 : 8,
    stopBits: own.stopBits === 2 ? 2 : 1,
  };
  return Object.freeze({ type: 'serial', line: Object.freeze(line) });
}

/** What turns a register into a value, e.g. `×0.1 ×40 (CT) +5`: a metric for which it changes gets a new topic row. */
function scalingText(
  metric: Metric,
  { ctRatio, ptRatio }: { readonly ctRatio: number; readonly ptRatio: number },
): string {
  const { side, scale, offset, exponent } = metric;
  const parts = [`×${scale}`];
  if (exponent !== null) parts.push(`×10^${exponent}`);
  if (side === 'secondary-current' || side === 'secondary-power') parts.push(`×${ctRatio} (CT)`);
  if (side === 'secondary-voltage' || side === 'secondary-power') parts.push(`×${ptRatio} (PT)`);
  if (offset !== 0) parts.push(offset > 0 ? `+${offset}` : `−${-offset}`);
  return parts.join(' ');
}

/** The same for maps of the same metrics, whatever their file is called. */
function mapHash(metrics: readonly Metric[]): string {
  const plain = (_key: string, value: unknown): unknown => {
    if (typeof value === 'bigint') return String(value);
    return value instanceof Map ? [...value] : value;
  };
  return createHash('sha256').update(JSON.stringify(metrics, plain)).digest('hex').slice(0, 16);
}
