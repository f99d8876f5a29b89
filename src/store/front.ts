// The store as the flow sees it, before any backend: polls become batches, meters become keys. A meter is described to
// the backend once; meters of equal content share a key, so a spool that makes them anew costs nothing.

import type { MeterInfo } from '../model/meter.js';
import type { Backend } from './backend.js';
import { toBatch } from './batch.js';
import { type Dialect, type LeaseRequest, type Store, type StoreBatch, StoreFailure } from './store.js';

interface Metrics {
  readonly key: number;
  readonly plain: MeterInfo['metrics'];
}

export class StoreFront implements Store {
  readonly dialect: Dialect;
  readonly #backend: Backend;
  readonly #keys = new WeakMap<MeterInfo, number>();
  readonly #keysByContent = new Map<string, number>();
  readonly #metrics = new WeakMap<MeterInfo['metrics'], Metrics>();
  readonly #metricsByContent = new Map<string, Metrics>();
  /** Meters that no write has brought to the backend yet, by key. */
  readonly #unannounced = new Map<number, MeterInfo>();
  #closed: Promise<void> | null = null;

  constructor(dialect: Dialect, backend: Backend) {
    this.dialect = dialect;
    this.#backend = backend;
  }

  async write(batch: StoreBatch): Promise<void> {
    const backend = this.#open();
    if (batch.polls.length === 0 && batch.gaps.length === 0 && !batch.parts?.length) return;
    const columns = toBatch(batch, (meter) => this.#keyOf(meter));
    const newMeters = [...this.#unannounced];
    await backend.write({ ...columns, newMeters });
    for (const [key] of newMeters) this.#unannounced.delete(key);
  }

  async lastSlots(): Promise<ReadonlyMap<string, number>> {
    return new Map(await this.#open().lastSlots());
  }

  async check(): Promise<void> {
    await this.#open().check();
  }

  async maintain(now: number): Promise<boolean> {
    return this.#open().maintain(now);
  }

  async lease(request: LeaseRequest): Promise<string | null> {
    const backend = this.#open();
    if (backend.lease) return backend.lease(request);
    throw new Error('a database in a file is not shared');
  }

  close(): Promise<void> {
    this.#closed ??= this.#backend.close();
    return this.#closed;
  }

  /** Prisma would connect again. */
  #open(): Backend {
    if (this.#closed === null) return this.#backend;
    throw new StoreFailure({ code: 'store-closed', message: 'the store has been closed', remedy: 'spool' });
  }

  #keyOf(meter: MeterInfo): number {
    let key = this.#keys.get(meter);
    if (key !== undefined) return key;
    const metrics = this.#metricsOf(meter);
    const info = { ...whereabouts(meter), metrics: metrics.plain };
    const content = `${metrics.key} ${JSON.stringify(whereabouts(meter))}`;
    key = this.#keysByContent.get(content);
    if (key === undefined) {
      key = this.#keysByContent.size;
      this.#keysByContent.set(content, key);
      this.#unannounced.set(key, info);
    }
    this.#keys.set(meter, key);
    return key;
  }

  /**
   * Only what the database keeps: metrics of the configuration carry more, which may not even be cloneable. Once for all
   * meters of a map.
   */
  #metricsOf({ metrics }: MeterInfo): Metrics {
    let known = this.#metrics.get(metrics);
    if (known !== undefined) return known;
    const plain = metrics.map(({ name, description, unit, dataType, kind }) => {
      return { name, description, unit, dataType, kind };
    });
    const content = JSON.stringify(plain);
    known = this.#metricsByContent.get(content) ?? { key: this.#metricsByContent.size, plain };
    this.#metricsByContent.set(content, known);
    this.#metrics.set(metrics, known);
    return known;
  }
}

const whereabouts = ({ name, host, port, unitId, mapName }: MeterInfo) => ({ name, host, port, unitId, mapName });
