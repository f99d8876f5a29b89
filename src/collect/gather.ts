// One cycle's polls on their way to the recorder: together when all are done, but a slow or silent meter does not hold
// the others back for longer than the linger. A meter's polls go in the order in which they were done, whatever cycle
// they belong to: the newest slot on record says that all before it are, too.

import type { Clock } from '../model/clock.js';
import type { Poll } from '../model/poll.js';
import type { Fate, Recorder } from '../record/recorder.js';
import type { Job } from './job.js';

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
  /** Polled, and not on their way to the recorder yet; `#polls` is what came of them. */
  #jobs: Job[] = [];
  #polls: Poll[] = [];
  #expected = 0;
  #open = 0;

  constructor(options: GatherOptions) {
    this.#options = options;
  }

  /** Expects one more poll. To be called for all polls before the first one comes in. */
  expect(): void {
    this.#expected++;
    this.#open++;
  }

  /** Resolves when every expected poll is durable, or lost. */
  async finish(): Promise<void> {
    const { clock, lingerMs } = this.#options;
    while (this.#open > 0) {
      await clock.sleep(lingerMs, this.#done.signal);
      this.flush();
    }
    await Promise.all(this.#records);
  }

  /** What came of a job. */
  polled(job: Job, poll: Poll): void {
    const { held } = this.#options;
    const { name } = poll.meter;
    const earlier = held.get(name);
    if (earlier !== this) earlier?.flush();
    this.#jobs.push(job);
    this.#polls.push(poll);
    held.set(name, this);
    if (--this.#open > 0) return;
    this.flush();
    // Without a reason, one would be made, stack trace and all.
    this.#done.abort('done');
  }

  /** Records what waits. */
  flush(): void {
    const jobs = this.#jobs;
    const polls = this.#polls;
    if (polls.length === 0) return;
    this.#jobs = [];
    this.#polls = [];
    for (const { meter } of polls) this.#options.held.delete(meter.name);
    const settle = (fate: Fate) => {
      for (const [i, job] of jobs.entries()) job.settle({ poll: polls[i] as Poll, fate });
    };
    this.#records.push(this.#options.recorder.record({ polls, gaps: [] }).then(settle));
  }
}
