// The same limit off the main thread, where EMDC has to write so that no fsync delays a slot: started as a worker thread, with
// the file's path.

import { parentPort, workerData } from 'node:worker_threads';
import { bareSqlite } from './bare-sqlite.js';

export interface BareWrite {
  readonly slot: number;
  readonly values: Float64Array;
}

const bare = bareSqlite(workerData as string);
parentPort?.on('message', async ({ slot, values }: BareWrite) => {
  await bare.write(slot, values);
  parentPort?.postMessage(null);
});
