// One cycle's polls on their way to the recorder: together when all are done, but a slow or silent meter does not hold
// the others back for longer than the linger. A meter's polls go in the order in which they were done, whatever cycle
// they belong to: the newest slot on record says that all before it are, too.

import type { Clock } from '../clock.js';
import type { Poll } from '../reading.js';
import type { Fate, Recorder } from '../record/recorder.js';
import { collectAfter } from './garbage.js';
import type { Settled } from './job.js';

export interface GatherOptions {
  readonly clock: Clock;
  readonly recorder: Pick<Recorder, 'record'>;
  /** Longest time a finished poll waits for the others of its cycle. */
  readonly lingerMs: number;
  /** Where a meter's finished poll waits, by the meter's name; shared by all gathers. */
  readonly held: Map<string, Gather>;
}

export class Gather {
  readonly #options: GatherOptions;
  readonly #done = new AbortController();
  readonly #records: Promise<unknown>[] = [];
  #waiting: { readonly poll: Poll; readonly resolve: (settled: Settled) => void }[] = [];
  #expected = 0;
  #open = 0;

  constructor(options: GatherOptions) {
    this.#options = options;
  }

  /** Expects one more poll. To be called for all polls before the first one comes in. */
  expect(): { readonly onPolled: (poll: Poll) => void; readonly settled: Promise<Settled> } {
    this.#expected++;
    this.#open++;
    let resolve: (settled: Settled) => void = () => {};
    const settled = new Promise<Settled>((settle) => {
      resolve = settle;
    });
    return { settled, onPolled: (poll) => this.#polled(poll, resolve) };
  }

  /** Resolves when every expected poll is durable, or lost. */
  async finish(): Promise<void> {
    const { clock, lingerMs } = this.#options;
    while (this.#open > 0) {
      await clock.sleep(lingerMs, this.#done.signal);
      this.flush();
    }
    await Promise.all(this.#records);
    collectAfter(this.#expected);
  }

  #polled(poll: Poll, resolve: (settled: Settled) => void): void {
    const { held } = this.#options;
    const earlier = held.get(poll.meter.name);
    if (earlier !== this) earlier?.flush();
    this.#waiting.push({ poll, resolve });
    held.set(poll.meter.name, this);
    if (--this.#open > 0) return;
    this.flush();
    this.#done.abort();
  }

  /** Records what waits. */
  flush(): void {
    const waiting = this.#waiting;
    if (waiting.length === 0) return;
    this.#waiting = [];
    for (const { poll } of waiting) this.#options.held.delete(poll.meter.name);
    const settle = (fate: Fate) => {
      for (const { poll, resolve } of waiting) resolve({ poll, fate });
    };
    this.#records.push(
      this.#options.recorder.record({ polls: waiting.map(({ poll }) => poll), gaps: [] }).then(settle),
    );
  }
}
