// The one progress bar: on a terminal; nothing where standard error is none.

import process from 'node:process';
import { SingleBar } from 'cli-progress';

export interface Progress {
  /** `done` of a total that may still change, and what else there is to say. */
  show(done: number, total: number, note?: string): void;
  /** Removes the bar. Safe twice. */
  stop(): void;
}

export function startProgress(what: string): Progress {
  const bar = new SingleBar({
    format: `${what} {bar} {percentage} % · {value}/{total}{note} · {eta_formatted} left`,
    hideCursor: true,
    clearOnComplete: true,
    stream: process.stderr,
    fps: 5,
  });
  bar.start(0, 0, { note: '' });
  return {
    show: (done, total, note = '') => {
      if (bar.getTotal() !== total) bar.setTotal(total);
      bar.update(done, { note: note === '' ? '' : `, ${note}` });
    },
    stop: () => bar.stop(),
  };
}

/** A line that is written over, for work whose length is not known; `show('')` removes it. */
export function statusLine(): (what: string) => void {
  return (what) => {
    if (process.stderr.isTTY) process.stderr.write(what === '' ? '\r\u001b[K' : `\r\u001b[K${what} …`);
  };
}
