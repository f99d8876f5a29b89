// A plan in numbers that people can judge before the first request goes out: what it reads, what it reads in vain, and
// about how long it takes. Pure.

import type { Plan, Refusal } from '../model/block.js';
import type { Metric, RegisterFunction } from '../model/meter.js';
import { type LineSpeed, serialTimeMs } from './link-load.js';

export interface BlockSummary {
  readonly function: RegisterFunction;
  readonly start: number;
  /** Registers, or bits of coils and discrete inputs. */
  readonly count: number;
  /** Of these, read and wanted by no metric. */
  readonly wasted: number;
  readonly metrics: number;
}

export interface PlanSummary {
  readonly metrics: number;
  readonly requests: number;
  readonly registers: number;
  readonly wasted: number;
  /** Compared with one request for each metric. */
  readonly requestsSaved: number;
  /** On a meter that answers in 10 ms, and behind a gateway to RS-485 at 9600 baud. */
  readonly estimatedMs: { readonly direct: number; readonly gateway9600: number };
  readonly blocks: readonly BlockSummary[];
}

const DIRECT_MS = 10;
const BEHIND_GATEWAY: LineSpeed = { baudRate: 9600, parity: 'none', dataBits: 8, stopBits: 1 };

export function summarizePlan(plan: Plan, metrics: readonly Metric[], pauseMs: number): PlanSummary {
  const blocks = plan.blocks.map((block): BlockSummary => {
    const wanted = new Set<number>();
    for (const index of block.metrics) {
      const { address, size } = metrics[index] as Metric;
      for (let at = address; at < address + size; at++) wanted.add(at);
    }
    const { start, count } = block;
    return { function: block.function, start, count, wasted: count - wanted.size, metrics: block.metrics.length };
  });
  const planned = sum(blocks, (block) => block.metrics);
  const pauses = Math.max(0, blocks.length - 1) * pauseMs;
  return {
    metrics: planned,
    requests: blocks.length,
    registers: sum(blocks, (block) => block.count),
    wasted: sum(blocks, (block) => block.wasted),
    requestsSaved: planned - blocks.length,
    estimatedMs: {
      direct: blocks.length * DIRECT_MS + pauses,
      gateway9600: Math.round(serialTimeMs(blocks, BEHIND_GATEWAY) + pauses),
    },
    blocks,
  };
}

/** `21 metrics → 2 requests, 60 registers (28 unwanted), 19 requests saved` */
export function describePlan(summary: PlanSummary): string {
  const { metrics, requests, registers, wasted, requestsSaved, estimatedMs } = summary;
  const unwanted = wasted === 0 ? '' : ` (${wasted} unwanted)`;
  return [
    `${count(metrics, 'metric')} → ${count(requests, 'request')}, ${count(registers, 'register')}${unwanted}, ${count(requestsSaved, 'request')} saved`,
    `about ${estimatedMs.direct} ms on a meter that answers in ${DIRECT_MS} ms, ${estimatedMs.gateway9600} ms behind a gateway at 9600 baud`,
    ...summary.blocks.map(
      (block) => `  ${block.function} ${block.start}+${block.count}: ${count(block.metrics, 'metric')}`,
    ),
  ].join('\n');
}

/** `refuses holding 4630+2 since 2026-11-23T03:00:00Z, asked again after 2026-11-23T04:00:00Z` */
export function describeRefusal(refusal: Refusal): string {
  const { since, retryAt } = refusal;
  return `${refusalText(refusal)} since ${instant(since)}, asked again after ${instant(retryAt)}`;
}

/** `refuses holding 4630+2`, `is silent when asked for more than 40 registers in one request` */
export function refusalText({ span, maxRegisters, reason }: Pick<Refusal, 'span' | 'maxRegisters' | 'reason'>): string {
  const isSilent = reason === 'silence';
  if (span === null) {
    const length = `more than ${maxRegisters} registers in one request`;
    return isSilent ? `is silent when asked for ${length}` : `refuses ${length}`;
  }
  if (span.count === 0) return `refuses to read ${span.function} over the boundary before ${span.start}`;
  const registers = `${span.function} ${span.start}+${span.count}`;
  return isSilent ? `is silent when asked for ${registers}` : `refuses ${registers}`;
}

const instant = (time: number): string => new Date(time).toISOString().replace(/\.\d+/, '');

const count = (n: number, word: string): string => `${n} ${word}${n === 1 ? '' : 's'}`;

const sum = <T>(items: readonly T[], of: (item: T) => number): number => items.reduce((n, item) => n + of(item), 0);
