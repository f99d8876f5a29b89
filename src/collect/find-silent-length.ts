// Some meters do not answer at all when they are asked for too many registers. Silence looks like a dead meter, so it is
// told apart by asking for little first: where that is answered and the planned request is not, its length is at fault.
//
//   state     a poll brings                                      next state
//   idle      a request without response                         probing
//   probing   (asks the smallest request first) no response      probing: the meter is not there
//             the planned requests answered                      idle
//             the smallest answered, a planned one not           halving: half of that length
//   halving   (the same, with the shorter plan) one not answered halving: half again; a single metric: refused
//             all answered                                       growing: this length is remembered
//   growing   (one longer request at the end of each poll)       growing, until no length between is left, then idle
//
// Pure: poll-meter.ts sends the requests and remembers what is found.

import { isBitTable } from '../codec/words.js';
import type { Block, Learned, Span } from '../model/block.js';
import type { Metric } from '../model/meter.js';
import { type PlanLimits, planBlocks } from '../plan/blocks.js';

export type LengthSearch =
  | { readonly state: 'idle' }
  | { readonly state: 'probing' }
  | { readonly state: 'halving'; readonly limit: number; readonly silent: number }
  | { readonly state: 'growing'; readonly accepted: number; readonly silent: number };

/** What a poll showed of lengths. */
export interface LengthEvidence {
  /** The planned request that got no response in time; null: none. */
  readonly silent: Block | null;
  /** The unit responded to something in this poll. */
  readonly answered: boolean;
  /** Every block of the plan was asked for, and none got silence. */
  readonly complete: boolean;
  /** Most registers in an answered request. */
  readonly longest: number;
}

export interface LengthFinding {
  readonly search: LengthSearch;
  /** What is new to be remembered; null: nothing. */
  readonly learned: { readonly maxRegisters: number } | { readonly refused: Span } | null;
}

export const idle: LengthSearch = { state: 'idle' };

/** Whether the poll is to begin with the smallest request. */
export const beginsSmall = ({ state }: LengthSearch): boolean => state === 'probing' || state === 'halving';

export function afterPoll(
  search: LengthSearch,
  { silent, answered, complete, longest }: LengthEvidence,
  metrics: readonly Metric[],
): LengthFinding {
  const stay: LengthFinding = { search, learned: null };
  switch (search.state) {
    case 'idle':
    case 'growing':
      return silent === null ? stay : { search: { state: 'probing' }, learned: null };
    case 'probing':
      if (silent !== null && answered) return halve(silent, metrics);
      return complete && answered ? { search: idle, learned: null } : stay;
    case 'halving':
      if (silent !== null && answered) return halve(silent, metrics);
      if (!complete || longest === 0) return stay;
      return {
        search: { state: 'growing', accepted: longest, silent: search.silent },
        learned: { maxRegisters: longest },
      };
  }
}

function halve(silent: Block, metrics: readonly Metric[]): LengthFinding {
  if (isBitTable(silent.function)) return { search: idle, learned: null };
  const largest = Math.max(...silent.metrics.map((index) => (metrics[index] as Metric).size));
  if (largest >= silent.count) {
    const { function: table, start, count } = silent;
    return { search: idle, learned: { refused: { function: table, start, count } } };
  }
  const limit = Math.max(silent.count >> 1, largest);
  return { search: { state: 'halving', limit, silent: silent.count }, learned: null };
}

/** The smallest request that reads a metric of the plan; null: the plan begins with it anyway. */
export function smallestRequest(blocks: readonly Block[], metrics: readonly Metric[]): Block | null {
  let smallest: { readonly block: Block; readonly index: number; readonly size: number } | null = null;
  for (const block of blocks) {
    for (const index of block.metrics) {
      const { size } = metrics[index] as Metric;
      if (smallest === null || size < smallest.size) smallest = { block, index, size };
    }
  }
  if (smallest === null || blocks[0]?.count === smallest.size) return null;
  const { address, size, function: table } = metrics[smallest.index] as Metric;
  return { function: table, start: address, count: size, metrics: [] };
}

/** A longer request than is known to be answered, ending where a metric ends; null: there is none between. */
export function longerRequest(
  { accepted, silent }: { readonly accepted: number; readonly silent: number },
  { metrics, limits, learned }: { metrics: readonly Metric[]; limits: PlanLimits; learned: Learned },
): Span | null {
  const { blocks } = planBlocks(metrics, { ...limits, learned: { ...learned, maxRegisters: null } });
  for (const { function: table, start, count, metrics: indexes } of blocks) {
    if (isBitTable(table) || count <= accepted) continue;
    const ends = indexes.map((index) => (metrics[index] as Metric).address + (metrics[index] as Metric).size - start);
    const between = [...new Set(ends)].filter((end) => end > accepted && end < silent).sort((a, b) => a - b);
    const middle = between[between.length >> 1];
    if (middle !== undefined) return { function: table, start, count: middle };
  }
  return null;
}
