// The signals that end a command. The first one asks nicely; a second one means it.

import process from 'node:process';
import { failed } from './exit.js';

/** Resolves with the name of the first SIGTERM or SIGINT. From then on, another one ends the process at once. */
export function untilStopped(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    let asked = false;
    const stop = (signal: NodeJS.Signals) => {
      if (asked) process.exit(failed);
      asked = true;
      resolve(signal);
    };
    process.on('SIGTERM', stop);
    process.on('SIGINT', stop);
  });
}
