// The thread in which the embedded database works, so that no fsync delays a slot. Does one thing at a time, in the
// order asked.

import { parentPort, workerData } from 'node:worker_threads';
import type { Log } from '../../model/log.js';
import type { Backend } from '../backend.js';
import { openSqlite, type SqliteOptions } from './open.js';
import { type Call, failureData, type LogLevel, OPENED, type Reply, type Request } from './worker-messages.js';

const port = parentPort;
if (port === null) throw new Error('sqlite-worker.js is started by the store, as a worker thread');

const send = (reply: Reply): void => port.postMessage(reply);
const logAt =
  (level: LogLevel): Log['info'] =>
  (message, fields) =>
    send({ kind: 'log', level, message, fields: { ...fields } });
const log: Log = { error: logAt('error'), warn: logAt('warn'), info: logAt('info'), debug: logAt('debug') };

try {
  const backend = await openSqlite({ ...(workerData as SqliteOptions), log });
  let turn: Promise<void> = Promise.resolve();
  port.on('message', ({ id, call }: Request) => {
    turn = turn.then(() => answer(id, () => perform(backend, call)));
    if (call.kind === 'close') turn = turn.then(() => port.close());
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

function perform(backend: Backend, call: Call): Promise<unknown> {
  switch (call.kind) {
    case 'write':
      return backend.write(call.batch);
    case 'lastSlots':
      return backend.lastSlots();
    case 'check':
      return backend.check();
    case 'maintain':
      return backend.maintain(call.now);
    case 'close':
      return backend.close();
  }
}
