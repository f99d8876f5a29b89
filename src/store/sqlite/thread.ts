// The main thread's end of the embedded database. A worker that dies costs nothing but the calls it was busy with, which
// fail with `spool`; the next call starts another one.

import { Worker } from 'node:worker_threads';
import { messageOf } from '../../model/errors.js';
import type { Log, UncheckedLog } from '../../model/log.js';
import type { MeterInfo } from '../../model/meter.js';
import type { Backend, PollData } from '../prisma-store.js';
import type { Rows } from '../rows.js';
import { type MeterChange, type MeterIdentity, StoreFailure, type VirtualMembers } from '../store.js';
import type { SqliteOptions } from './open.js';
import { type Call, failureOf, type Method, OPENED, type Reply } from './worker-messages.js';

interface Pending {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
}

interface Thread {
  readonly worker: Worker;
  readonly opened: Promise<unknown>;
  readonly pending: Map<number, Pending>;
  readonly ended: Promise<void>;
  /** Keys of the meters that the thread has been told of, and how many there were to tell. */
  readonly keys: Set<number>;
  announced: number;
}

export class SqliteThread implements Backend {
  readonly #options: SqliteOptions;
  readonly #log: Log;
  /** All meters ever announced: a new worker knows none. */
  readonly #meters = new Map<number, MeterInfo>();
  #thread: Thread | null = null;
  #lastId = OPENED;
  #closed = false;

  constructor(options: SqliteOptions, log: Log) {
    this.#options = options;
    this.#log = log;
  }

  /** Rejects with the EmdcError that says why the database cannot be opened. */
  async open(): Promise<void> {
    await this.#ready();
  }

  async write(rows: Rows): Promise<void> {
    for (const [key, meter] of rows.newMeters) this.#meters.set(key, meter);
    const thread = await this.#ready();
    await this.#send(thread, { method: 'write', args: [{ ...rows, newMeters: this.#unannounced(thread) }] });
  }

  setMeters(meters: readonly (readonly [number, MeterInfo])[], now: number): Promise<readonly MeterChange[]> {
    return this.#call('setMeters', meters, now) as Promise<readonly MeterChange[]>;
  }

  async setVirtualMeters(virtual: readonly VirtualMembers[]): Promise<void> {
    await this.#call('setVirtualMeters', virtual);
  }

  newestSlots(meters: readonly string[]): Promise<readonly (readonly [string, number])[]> {
    return this.#call('newestSlots', meters) as Promise<readonly (readonly [string, number])[]>;
  }

  newestPolls(meters: readonly (readonly [number, MeterInfo])[]): Promise<readonly PollData[]> {
    return this.#call('newestPolls', meters) as Promise<readonly PollData[]>;
  }

  identities(meters: readonly string[]): Promise<readonly (readonly [string, MeterIdentity])[]> {
    return this.#call('identities', meters) as Promise<readonly (readonly [string, MeterIdentity])[]>;
  }

  async check(): Promise<void> {
    await this.#call('check');
  }

  maintain(now: number): Promise<boolean> {
    return this.#call('maintain', now) as Promise<boolean>;
  }

  catchUp(): Promise<boolean> {
    return this.#call('catchUp') as Promise<boolean>;
  }

  setting(name: string): Promise<string | null> {
    return this.#call('setting', name) as Promise<string | null>;
  }

  async keepSetting(name: string, value: string | null): Promise<void> {
    await this.#call('keepSetting', name, value);
  }

  async close(): Promise<void> {
    this.#closed = true;
    const thread = this.#thread;
    if (thread === null) return;
    await this.#send(thread, { method: 'close', args: [] }).catch((error) => {
      this.#log.warn('closing the database failed', { error: messageOf(error) });
    });
    await thread.ended;
  }

  async #call(method: Method, ...args: readonly unknown[]): Promise<unknown> {
    return this.#send(await this.#ready(), { method, args });
  }

  #unannounced(thread: Thread): (readonly [number, MeterInfo])[] {
    if (thread.announced === this.#meters.size) return [];
    const meters = [...this.#meters].filter(([key]) => !thread.keys.has(key));
    for (const [key] of meters) thread.keys.add(key);
    thread.announced = this.#meters.size;
    return meters;
  }

  async #ready(): Promise<Thread> {
    if (this.#closed) throw ended('the database has been closed');
    this.#thread ??= this.#start();
    await this.#thread.opened;
    if (this.#thread === null) throw ended("the database's thread has ended");
    return this.#thread;
  }

  #send(thread: Thread, call: Call): Promise<unknown> {
    const id = ++this.#lastId;
    return new Promise((resolve, reject) => {
      if (this.#thread !== thread) return reject(ended("the database's thread has ended"));
      thread.pending.set(id, { resolve, reject });
      thread.worker.postMessage({ id, call });
    });
  }

  #start(): Thread {
    const worker = new Worker(new URL('./worker.js', import.meta.url), {
      workerData: this.#options,
      name: 'emdc-sqlite',
      // The thread makes short-lived strings only: a small young generation saves tens of megabytes.
      resourceLimits: { maxYoungGenerationSizeMb: 8 },
    });
    const pending = new Map<number, Pending>();
    const opened = new Promise((resolve, reject) => pending.set(OPENED, { resolve, reject }));
    opened.catch(() => {});
    let reason = "the database's thread ended unexpectedly";
    const thread: Thread = {
      worker,
      opened,
      pending,
      keys: new Set(),
      announced: 0,
      ended: new Promise((resolve) => {
        worker.on('exit', () => {
          if (this.#thread === thread) this.#thread = null;
          for (const { reject } of pending.values()) reject(ended(reason));
          pending.clear();
          resolve();
        });
      }),
    };
    worker.on('error', (error) => {
      reason = `the database's thread died: ${messageOf(error)}`;
      this.#log.error("the database's thread ended unexpectedly", { error: messageOf(error) });
    });
    worker.on('message', (reply: Reply) => this.#receive(thread, reply));
    return thread;
  }

  #receive({ pending }: Thread, reply: Reply): void {
    if (reply.kind === 'log') {
      const log: UncheckedLog = this.#log;
      log[reply.level](reply.message, { ...reply.fields });
      return;
    }
    const waiting = pending.get(reply.id);
    pending.delete(reply.id);
    if (reply.kind === 'done') waiting?.resolve(reply.value);
    else waiting?.reject(failureOf(reply.failure));
  }
}

const ended = (message: string): StoreFailure => new StoreFailure({ code: 'store-ended', message, remedy: 'spool' });
