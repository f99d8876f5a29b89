// A progress bar on a terminal; nothing where standard error is none.

import process from 'node:process';
import { SingleBar } from 'cli-progress';

export interface Progress {
  /** `done` of a total that may still change. */
  show(done: number, total: number): void;
  stop(): void;
}

export function startProgress(what: string): Progress {
  const bar = new SingleBar({
    format: `${what} {bar} {percentage} % · {value}/{total} · {eta_formatted} left`,
    hideCursor: true,
    stream: process.stderr,
    fps: 5,
  });
  bar.start(0, 0);
  return {
    show: (done, total) => {
      if (bar.getTotal() !== total) bar.setTotal(total);
      bar.update(done);
    },
    stop: () => bar.stop(),
  };
}
