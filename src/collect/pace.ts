// Shares out the event loop. A thousand meters that are due at once, or answer at once, would keep it busy for a tenth of a
// second, and whoever asks over HTTP, or the timer of the next slot, would wait. So requests are sent a few milliseconds'
// worth at a time, and polls that have not begun come first, so that each begins as near to its slot as can be.

const SLICE_MS = 20;

const beginning: (() => void)[] = [];
const others: (() => void)[] = [];
let scheduled = false;

/** Calls `go` when the next request may be sent. `begins`: it is the first one of its poll. */
export function pace(begins: boolean, go: () => void): void {
  (begins ? beginning : others).push(go);
  if (scheduled) return;
  scheduled = true;
  setImmediate(release);
}

async function release(): Promise<void> {
  const end = performance.now() + SLICE_MS;
  do {
    const go = beginning.shift() ?? others.shift();
    if (!go) {
      scheduled = false;
      return;
    }
    go();
    // Whoever waited sends before this goes on.
    await null;
  } while (performance.now() < end);
  setImmediate(release);
}
