// Ties work to the caller who waits for it: when the caller hangs up, or the server closes, the work is told to stop.

import type { ServerResponse } from 'node:http';

export class HangUp {
  readonly #waiting = new Set<AbortController>();
  #closed = false;

  /** Aborts when the connection closes before the answer is complete, or at `close`. */
  signal(response: ServerResponse): AbortSignal {
    const controller = new AbortController();
    if (this.#closed || response.destroyed) controller.abort();
    this.#waiting.add(controller);
    // While it waits for meters, a silent caller is a patient one.
    response.setTimeout(0);
    response.once('close', () => {
      this.#waiting.delete(controller);
      if (!response.writableEnded) controller.abort();
    });
    return controller.signal;
  }

  close(): void {
    this.#closed = true;
    for (const controller of this.#waiting) controller.abort();
  }
}
