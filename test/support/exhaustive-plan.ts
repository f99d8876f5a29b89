// The fewest requests, then the fewest registers, that any plan could take: by brute force, to hold the planner against.

import type { Metric } from '../../src/model/meter.js';
import { type PlanLimits, touches } from '../../src/plan/blocks.js';

/** Over every way to choose requests that read these metrics of one table, all of them readable. At most some 14. */
export function exhaustivePlan(readable: readonly Metric[], given: PlanLimits): [requests: number, registers: number] {
  const most = Math.min(given.maxRegisters, given.learned?.maxRegisters ?? 125);
  const from = Math.min(...readable.map((m) => m.address));
  const until = Math.max(...readable.map((m) => m.address + m.size));
  const valid: { start: number; count: number; covers: number }[] = [];
  for (let start = from; start < until; start++) {
    next: for (let count = 1; count <= Math.min(most, until - start); count++) {
      if (given.learned?.refused.some((span) => touches({ start, count }, span))) continue;
      let gap = 0;
      for (let register = start; register < start + count; register++) {
        gap = readable.some((m) => m.address <= register && register < m.address + m.size) ? 0 : gap + 1;
        if (gap > given.maxGap) continue next;
      }
      let covers = 0;
      readable.forEach((m, bit) => {
        if (start <= m.address && m.address + m.size <= start + count) covers |= 1 << bit;
      });
      if (covers !== 0) valid.push({ start, count, covers });
    }
  }
  const all = (1 << readable.length) - 1;
  const best = new Map<number, [number, number]>([[0, [0, 0]]]);
  for (let covered = 0; covered < all; covered++) {
    const known = best.get(covered);
    if (known === undefined) continue;
    for (const block of valid) {
      const next = covered | block.covers;
      if (next === covered) continue;
      const cost: [number, number] = [known[0] + 1, known[1] + block.count];
      const old = best.get(next);
      if (!old || cost[0] < old[0] || (cost[0] === old[0] && cost[1] < old[1])) best.set(next, cost);
    }
  }
  return best.get(all) as [number, number];
}
