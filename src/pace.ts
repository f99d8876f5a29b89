// Shares out the event loop. A thousand meters that are due at once, or answer at once, would keep it busy for a tenth of a
// second, and whoever asks over HTTP, or the timer of the next slot, would wait. So polls begin, and answers are looked at,
// a few milliseconds' worth at a time; and polls that have not begun come first, so that each begins as near to its slot
// as can be.

const BEGINNING_MS = 16;
const ANSWERS_MS = 10;
/** Between two looks at what promises have to say. */
const TOGETHER = 8;
/** So few answers take no time worth sharing out, and a turn of the event loop for each would take some. */
const AT_ONCE = 32;

/** First in, first out, without moving what is left. */
class Queue {
  #items: (() => void)[] = [];
  #head = 0;

  get empty(): boolean {
    return this.#head === this.#items.length;
  }

  add(item: () => void): void {
    this.#items.push(item);
  }

  take(): (() => void) | undefined {
    const item = this.#items[this.#head++];
    if (this.empty) {
      this.#items = [];
      this.#head = 0;
    }
    return item;
  }
}

const beginning = new Queue();
const answers = new Queue();
let scheduled = false;
let atOnce = 0;

/** Has `go` called in its turn, which may be now. It must not throw. */
export function pace(kind: 'begin' | 'answer', go: () => void): void {
  if (kind === 'answer' && !scheduled && atOnce++ < AT_ONCE) return void go();
  (kind === 'begin' ? beginning : answers).add(go);
  if (scheduled) return;
  scheduled = true;
  setImmediate(release);
}

async function release(): Promise<void> {
  const end = performance.now() + (beginning.empty ? ANSWERS_MS : BEGINNING_MS);
  let taken = 0;
  do {
    const queue = beginning.empty ? answers : beginning;
    if (queue.empty) {
      scheduled = false;
      atOnce = 0;
      return;
    }
    queue.take()?.();
    // Promises that these settled have their say before this goes on.
    if (++taken % TOGETHER === 0) await null;
  } while (performance.now() < end);
  setImmediate(release);
}
