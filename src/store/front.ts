// The store as the flow sees it, before any backend: polls become batches, meters become keys. A meter is described to
// the backend once; meters of equal content share a key, so a spool that makes them anew costs nothing.

import type { MeterInfo } from '../meter.js';
import type { Backend } from './backend.js';
import { toBatch } from './batch.js';
import { type Dialect, type LeaseRequest, type Store, StoreFailure } from './store.js';

export class StoreFront implements Store {
  readonly dialect: Dialect;
  readonly #backend: Backend;
  readonly #keys = new WeakMap<MeterInfo, number>();
  readonly #keysByContent = new Map<string, number>();
  /** Meters that no write has brought to the backend yet, by key. */
  readonly #unannounced = new Map<number, MeterInfo>();
  #closed: Promise<void> | null = null;

  constructor(dialect: Dialect, backend: Backend) {
    this.dialect = dialect;
    this.#backend = backend;
  }

  async write(batch: Parameters<Store['write']>[0]): Promise<void> {
    const backend = this.#open();
    if (batch.polls.length === 0 && batch.gaps.length === 0) return;
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
    const info = plain(meter);
    const content = JSON.stringify(info);
    key = this.#keysByContent.get(content);
    if (key === undefined) {
      key = this.#keysByContent.size;
      this.#keysByContent.set(content, key);
      this.#unannounced.set(key, info);
    }
    this.#keys.set(meter, key);
    return key;
  }
}

/** Only what the database keeps: a meter of the configuration carries more, which may not even be cloneable. */
const plain = (meter: MeterInfo): MeterInfo => ({
  name: meter.name,
  host: meter.host,
  port: meter.port,
  unitId: meter.unitId,
  mapName: meter.mapName,
  metrics: meter.metrics.map(({ name, description, unit, dataType, kind }) => ({
    name,
    description,
    unit,
    dataType,
    kind,
  })),
});
