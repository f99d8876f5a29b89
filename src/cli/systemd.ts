// What systemd is told of a unit with Type=notify: ready, stopping, and that the watchdog may rest, as long as cycles end.
// Node.js has no datagram sockets of the kind that takes this, so systemd's own systemd-notify carries each message: a few
// milliseconds, twice in a watchdog's time. The unit needs NotifyAccess=all, since it is a process of its own.

import { execFile } from 'node:child_process';
import process from 'node:process';
import type { Log } from '../model/log.js';

export interface Systemd {
  ready(status: string): void;
  /** Resolves when systemd knows, so that the process may end. */
  stopping(): Promise<void>;
}

export interface SystemdOptions {
  readonly env?: NodeJS.ProcessEnv;
  readonly log: Log;
  /** Whether the process still does what it is for. */
  readonly alive: () => boolean;
}

const PATIENCE_MS = 5_000;

/** Does nothing where systemd asks for nothing (NOTIFY_SOCKET, WATCHDOG_USEC). */
export function openSystemd({ env = process.env, log, alive }: SystemdOptions): Systemd {
  if (!env['NOTIFY_SOCKET']) return { ready: () => {}, stopping: async () => {} };
  let complained = false;
  let feeding: NodeJS.Timeout | undefined;
  const tell = (...variables: string[]): Promise<void> =>
    new Promise((resolve) => {
      execFile('systemd-notify', variables, { env, timeout: PATIENCE_MS }, (error) => {
        if (error && !complained) {
          log.error('systemd could not be told', {
            cause: error.message,
            hint: 'install systemd-notify (Debian: systemd), or set Type=simple and no WatchdogSec in the unit',
          });
          complained = true;
        }
        resolve();
      });
    });

  const feed = () => {
    if (alive()) void tell('WATCHDOG=1');
    else log.error('no cycle ends any more: the watchdog is left to act');
  };
  return {
    ready: (status) => {
      void tell('READY=1', `STATUS=${status}`);
      const watchdogMs = Number(env['WATCHDOG_USEC'] ?? 0) / 1000;
      const mine = env['WATCHDOG_PID'] === undefined || Number(env['WATCHDOG_PID']) === process.pid;
      if (watchdogMs > 0 && mine) feeding = setInterval(feed, watchdogMs / 2).unref();
    },
    stopping: () => {
      clearInterval(feeding);
      return tell('STOPPING=1');
    },
  };
}
