// The thread in which the embedded database works, so that no fsync delays a slot. Calls are answered one at a time, in
// the order in which they came.

import { parentPort, workerData } from 'node:worker_threads';
import type { Log, UncheckedLog } from '../../model/log.js';
import type { Backend } from '../prisma-store.js';
import { openSqlite, type SqliteOptions } from './open.js';
import { type Call, failureData, type LogLevel, OPENED, type Reply, type Request } from './worker-messages.js';

const port = parentPort;
if (port === null) throw new Error('sqlite/worker.js is started by the store, as a worker thread');

const send = (reply: Reply): void => port.postMessage(reply);
const logAt =
  (level: LogLevel): UncheckedLog['info'] =>
  (message, fields) =>
    send({ kind: 'log', level, message, fields: { ...fields } });
const log: Log = { error: logAt('error'), warn: logAt('warn'), info: logAt('info'), debug: logAt('debug') };

try {
  const store = await openSqlite({ ...(workerData as SqliteOptions), log });
  let previous: Promise<void> = Promise.resolve();
  port.on('message', ({ id, call }: Request) => {
    previous = previous.then(() => answer(id, () => perform(store, call)));
    if (call.method === 'close') previous = previous.then(() => port.close());
  });
  send({ kind: 'done', id: OPENED, value: null });
} catch (error) {
  send({ kind: 'failed', id: OPENED, failure: failureData(error) });
  port.close();
}

async function answer(id: number, work: () => Promise<unknown>): Promise<void> {
  try {
    send({ kind: 'done', id, value: await work() });
  } catch (error) {
    send({ kind: 'failed', id, failure: failureData(error) });
  }
}

function perform(store: Backend, { method, args }: Call): Promise<unknown> {
  return (store[method] as (...args: readonly unknown[]) => Promise<unknown>).apply(store, [...args]);
}
