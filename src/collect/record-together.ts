// Records the polls of one cycle together, since one write of a hundred polls costs hardly more than one of a single poll.
// A slow or silent meter does not hold the others back: what is there after a short wait is recorded, the rest follows.

import type { Clock } from '../model/clock.js';
import type { Batch, Outcome, Poll } from '../model/poll.js';
import type { PollTask } from './collected-meter.js';

/** What the flow needs of the recorder. */
export interface PollRecorder {
  /** Resolves when the batch is durable, or lost; never rejects. `flush`: somebody waits, so it is written at once. */
  record(batch: Batch, options?: { readonly flush?: boolean }): Promise<Outcome>;
}

export interface RecordOptions {
  readonly clock: Clock;
  readonly recorder: PollRecorder;
  /** Longest time that a finished poll waits for the others, ms. */
  readonly lingerMs: number;
  /** Called with each poll as soon as it is finished. */
  readonly onPoll: (poll: Poll) => void;
}

/** Resolves when every task's poll is durable, or lost; the tasks are settled with the outcome. */
export async function recordTogether(tasks: readonly PollTask[], options: RecordOptions): Promise<void> {
  const { clock, recorder, lingerMs, onPoll } = options;
  const allPolled = new AbortController();
  const records: Promise<void>[] = [];
  let finished: { readonly task: PollTask; readonly poll: Poll }[] = [];
  let open = tasks.length;
  for (const task of tasks) {
    void task.polled.then((poll) => {
      onPoll(poll);
      finished.push({ task, poll });
      if (--open === 0) allPolled.abort();
    });
  }
  while (open > 0) {
    await clock.sleep(lingerMs, allPolled.signal);
    if (finished.length > 0) records.push(record(finished));
    finished = [];
  }
  await Promise.all(records);

  async function record(part: typeof finished): Promise<void> {
    const polls = part.map(({ poll }) => poll);
    const events = part.flatMap(({ task }) => task.events);
    const flush = part.some(({ task }) => task.byHand);
    const outcome = await recorder.record({ polls, gaps: [], ...(events.length > 0 && { events }) }, { flush });
    for (const { task, poll } of part) task.settle({ poll, outcome });
  }
}
