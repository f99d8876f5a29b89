import assert from 'node:assert/strict';
import { test } from 'node:test';
import { silentLog } from '../../src/model/log.js';
import { Leadership } from '../../src/schedule/leadership.js';
import type { LeaseRequest } from '../../src/store/store.js';
import { VirtualClock } from '../support/virtual-clock.js';

/** A database's lease, and the collectors that share it. */
class Site {
  readonly clock = new VirtualClock();
  away = false;
  #holder: string | null = null;
  #until = 0;

  collector(holder: string): Leadership {
    const { clock } = this;
    const lease = async (request: LeaseRequest) => this.#lease(request);
    return new Leadership({ clock, log: silentLog, holder, intervalMs: 1000, lease, onRole: () => {} });
  }

  pass = (ms: number) => this.clock.runTo(this.clock.now() + ms);

  #lease({ holder, ttlMs }: LeaseRequest): string | null {
    if (this.away) throw new Error('connection refused');
    const now = this.clock.now();
    if (ttlMs === 0) this.#holder = this.#holder === holder ? null : this.#holder;
    else if (this.#holder === null || this.#holder === holder || this.#until < now) {
      this.#holder = holder;
      this.#until = now + ttlMs;
    }
    return this.#holder;
  }
}

test('one leads and goes on leading; the other stands by', async () => {
  const site = new Site();
  const [a, b] = [site.collector('a'), site.collector('b')];
  a.start();
  await site.pass(10);
  b.start();
  for (let slot = 0; slot < 20; slot++) {
    await site.pass(1000);
    assert.deepEqual(await Promise.all([a.shouldRun(), b.shouldRun()]), [true, false]);
  }
});

test('the leader stops in order: the other leads at the next slot', async () => {
  const site = new Site();
  const [a, b] = [site.collector('a'), site.collector('b')];
  a.start();
  await site.pass(10);
  b.start();
  await site.pass(2000);
  const stopped = a.stop();
  await site.pass(1000);
  await stopped;
  assert.equal(await b.shouldRun(), true);
});

test('a leader that was frozen learns before its next slot that it leads no more', async () => {
  const site = new Site();
  const a = site.collector('a');
  // Asked without its own beat: time passes as over a process that was stopped.
  assert.equal(await a.shouldRun(), true);
  await site.pass(5000);
  const b = site.collector('b');
  assert.equal(await b.shouldRun(), true);
  assert.equal(await a.shouldRun(), false);
});

test('the database is away: the leader reads until its lease is nearly over, then nobody does until it is back', async () => {
  const site = new Site();
  const [a, b, c] = [site.collector('a'), site.collector('b'), site.collector('c')];
  assert.deepEqual([await a.shouldRun(), await b.shouldRun()], [true, false]);
  site.away = true;
  const all = async () => {
    const asked = Promise.all([a.shouldRun(), b.shouldRun(), c.shouldRun()]);
    await site.pass(1000);
    return asked;
  };
  assert.deepEqual(await all(), [true, false, false]);
  await site.pass(60_000);
  assert.deepEqual(await all(), [false, false, false]);
  site.away = false;
  assert.equal((await all()).filter((reads) => reads).length, 1);
});
