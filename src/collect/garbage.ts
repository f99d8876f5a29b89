// Between two cycles hardly anything lives that a cycle made; in the middle of a large one half of it does, and V8 would
// copy it, many times, while the meters wait. So a site gets the room that a cycle needs (src/memory.ts keeps it from small
// ones), and, if it is large, what is young is collected when the cycle has ended.

import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { letYoungGenerationGrow } from '../memory.js';

/** A poll makes some 7.5 kB of garbage: that of fewer fits into the young generation's first size. */
const MEDIUM_CYCLE = 50;
/** Fewer make less garbage than V8 has room for when it has grown. */
const LARGE_CYCLE = 200;

type Collect = (options: { readonly type: 'minor' }) => void;

let collect: Collect | null = null;

/** Takes a millisecond or two. */
export function collectAfter(meters: number): void {
  if (meters < MEDIUM_CYCLE) return;
  letYoungGenerationGrow();
  if (meters < LARGE_CYCLE) return;
  if (collect === null) {
    // Old garbage is collected half as often as src/memory.ts has it: where that meets the beginning of a cycle, its polls
    // begin twice as late.
    setFlagsFromString('--heap-growing-percent=120');
    setFlagsFromString('--expose-gc');
    collect = runInNewContext('gc') as Collect;
  }
  collect({ type: 'minor' });
}
