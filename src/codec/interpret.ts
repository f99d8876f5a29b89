// The same registers as every type in both word orders, side by side: where a person who does not trust a map looks for
// the reading that makes sense.

import type { DataType, Metric, Order } from '../model/meter.js';
import { decodeMetric } from './decode.js';

interface View {
  readonly heading: string;
  readonly dataType: DataType;
  readonly size: number;
  readonly wordOrder: Order;
}

const bothOrders = (dataType: DataType, size: number): View[] =>
  (['big', 'little'] as const).map((wordOrder) => ({ heading: `${dataType} ${wordOrder}`, dataType, size, wordOrder }));

const views: readonly View[] = [
  { heading: 'UINT16', dataType: 'UINT16', size: 1, wordOrder: 'big' },
  { heading: 'INT16', dataType: 'INT16', size: 1, wordOrder: 'big' },
  { heading: 'SM16', dataType: 'SM16', size: 1, wordOrder: 'big' },
  ...bothOrders('UINT32', 2),
  ...bothOrders('INT32', 2),
  ...bothOrders('FLOAT32', 2),
  ...bothOrders('MOD10K', 2),
  ...bothOrders('BCD', 2),
  ...bothOrders('UINT64', 4),
  ...bothOrders('INT64', 4),
  ...bothOrders('FLOAT64', 4),
];

export interface Interpretation {
  /** Zero-based wire address. */
  readonly address: number;
  /** 0–65535 */
  readonly register: number;
  /** By heading (`FLOAT32 little`); null: no value of this type, or it would reach beyond what was read. */
  readonly values: Readonly<Record<string, number | null>>;
}

export const interpretationHeadings: readonly string[] = views.map((view) => view.heading);

/** @param data Registers as sent, high byte first, the first one at `start`. */
export function interpretRegisters(data: Buffer, start: number): Interpretation[] {
  const registers = Math.floor(data.length / 2);
  return Array.from({ length: registers }, (_, index) => {
    const rest = data.subarray(2 * index);
    const values = views.map((view) => {
      const fits = index + view.size <= registers;
      return [view.heading, fits ? decodeMetric(metricOf(view), rest).value : null] as const;
    });
    return { address: start + index, register: rest.readUInt16BE(0), values: Object.fromEntries(values) };
  });
}

const metricOf = ({ heading, dataType, size, wordOrder }: View): Metric => ({
  name: heading,
  description: '',
  unit: '',
  dataType,
  kind: { type: 'gauge' },
  function: 'holding',
  address: 0,
  size,
  wordOrder,
  byteOrder: 'big',
  scale: 1,
  offset: 0,
  notAvailable: [],
  side: 'primary',
  exponent: null,
});
