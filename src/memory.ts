// Imported first by `emdc`: tells V8 to keep the heap small rather than to put off collecting it. The collector makes
// little garbage that lives long, and a gateway has little memory. What starts the process needs no flags for it.

import { setFlagsFromString } from 'node:v8';
import { Worker, type WorkerOptions } from 'node:worker_threads';

// The old generation may grow by half of what lives in it before it is collected; by default it trebles, and at a thousand
// meters a second the process takes 40 MB more. V8's own --optimize-for-size would save another 40 and double the CPU.
setFlagsFromString('--heap-growing-percent=50');
// What a cycle makes is dead when the next one begins. V8 learns from a process' first seconds, whose cycles its young
// generation is too small for, that some of it lives long, and would make that in the old generation ever after: at a
// thousand meters, 1 to 2 MB of old garbage a cycle, and a collection of all of it every half minute.
setFlagsFromString('--no-allocation-site-pretenuring');

/** How many times larger the young generation may get at once. 1: it keeps its first size, 1 MB per half. */
let youngGrowth = 1;

const keepYoungGrowth = () => setFlagsFromString(`--semi-space-growth-factor=${youngGrowth}`);

keepYoungGrowth();

/** For sites that need it: see src/collect/garbage.ts. */
export function letYoungGenerationGrow(): void {
  if (youngGrowth === 2) return;
  youngGrowth = 2;
  keepYoungGrowth();
}

/** All threads are started here: with each, V8 sets the growth back to its own for the whole process. */
export function startThread(file: URL, options: WorkerOptions): Worker {
  const thread = new Worker(file, options);
  thread.once('online', keepYoungGrowth);
  return thread;
}
