// The moment until which something is waited for, over and over. One timer serves all of them, and is left running over
// many waits: nearly all end long before it fires, and a thousand links with a timer each would be woken a thousand times.

export class Deadline {
  readonly #onLate: () => void;
  #time = Number.POSITIVE_INFINITY;

  /** `onLate` is called when the time is over, unless what arrived until then has ended the wait. */
  constructor(onLate: () => void) {
    this.#onLate = onLate;
  }

  /** On the monotonic clock; infinity: nothing is waited for. */
  get time(): number {
    return this.#time;
  }

  /** Waits for `ms` from now, and no longer for what was waited for before. */
  start(ms: number): void {
    const now = performance.now();
    this.#time = now + ms;
    open.add(this);
    if (firesAt > this.#time) arm(now, ms);
  }

  end(): void {
    this.#time = Number.POSITIVE_INFINITY;
  }

  /** Nothing more is to be waited for. When this is said of all, nothing keeps the process from exiting. */
  close(): void {
    this.end();
    open.delete(this);
    if (open.size === 0) disarm();
  }

  late(): void {
    this.#onLate();
  }
}

/** All that have waited since they were closed, or made. */
const open = new Set<Deadline>();
let timer: NodeJS.Timeout | undefined;
let timerMs = 0;
/** On the monotonic clock; infinity: the timer does not run. */
let firesAt = Number.POSITIVE_INFINITY;

/** A timer that fires somewhat early looks again, and costs less to start again than a new one to make. */
function arm(now: number, waitMs: number): void {
  const ms = Math.ceil(waitMs);
  if (timer !== undefined && timerMs <= ms && 2 * timerMs > ms) timer.refresh();
  else {
    clearTimeout(timer);
    timer = setTimeout(fired, ms);
    timerMs = ms;
  }
  firesAt = now + timerMs;
}

function disarm(): void {
  clearTimeout(timer);
  timer = undefined;
  firesAt = Number.POSITIVE_INFINITY;
}

function fired(): void {
  firesAt = Number.POSITIVE_INFINITY;
  // After a pause of the whole process, timers run before the sockets: what has arrived meanwhile is looked at first.
  if (earliest() !== Number.POSITIVE_INFINITY) setImmediate(look);
}

function look(): void {
  const now = performance.now();
  for (const deadline of [...open]) if (deadline.time <= now) deadline.late();
  const next = earliest();
  if (firesAt > next) arm(now, next - now);
}

function earliest(): number {
  let earliest = Number.POSITIVE_INFINITY;
  for (const { time } of open) if (time < earliest) earliest = time;
  return earliest;
}
