// Shares out the event loop. A thousand meters that are due at once, or answer at once, would keep it busy for a tenth of a
// second, and whoever asks over HTTP, or the timer of the next slot, would wait. So requests are sent a few milliseconds'
// worth at a time, and polls that have not begun come first, so that each begins as near to its slot as can be.

/** Enough for a thousand polls to begin. */
const BEGINNING_MS = 32;
const OTHERS_MS = 10;

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
const others = new Queue();
let scheduled = false;

/** Calls `go` when the next request may be sent. `begins`: it is the first one of its poll. */
export function pace(begins: boolean, go: () => void): void {
  (begins ? beginning : others).add(go);
  if (scheduled) return;
  scheduled = true;
  setImmediate(release);
}

async function release(): Promise<void> {
  const end = performance.now() + (beginning.empty ? OTHERS_MS : BEGINNING_MS);
  do {
    const queue = beginning.empty ? others : beginning;
    if (queue.empty) {
      scheduled = false;
      return;
    }
    queue.take()?.();
    // Whoever waited sends before this goes on.
    await null;
  } while (performance.now() < end);
  setImmediate(release);
}
