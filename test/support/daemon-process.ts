// The daemon as a process of its own, to be killed. It has to log as JSON, down to debug.

import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import process from 'node:process';
import { createInterface } from 'node:readline';
import { packageRoot } from '../../src/model/paths.js';

export interface DaemonProcess {
  readonly child: ChildProcess;
  /** Resolves when it has logged the message so often. */
  until(message: string, count?: number): Promise<void>;
  /** Resolves when so many of its cycles have ended. */
  cycles(count: number): Promise<void>;
  /** How many have. */
  ended(): number;
  /** Where its HTTP is open, once it has said so. */
  url(): string;
  /** kill -9; resolves when it is gone and all that it said has been read. */
  kill(): Promise<void>;
}

/** Slots of cycles that it says have ended go to `finished`. */
export function startProcess(file: string, finished: number[]): DaemonProcess {
  const child = spawn(process.execPath, [join(packageRoot, 'dist/src/main.js'), 'run', '--config', file], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const closed = once(child, 'close');
  const counts = new Map<string, number>();
  let url = '';
  let watchers: (() => void)[] = [];
  const wake = () => {
    const woken = watchers;
    watchers = [];
    for (const watcher of woken) watcher();
  };
  createInterface({ input: child.stdout }).on('line', (line) => {
    const said = parsed(line);
    const message = String(said['message']);
    counts.set(message, (counts.get(message) ?? 0) + 1);
    if (message === 'cycle ended') finished.push(Date.parse(String(said['slot'])));
    if (message === 'HTTP is open') url = String(said['url']);
    wake();
  });
  child.once('exit', wake);
  const until = async (message: string, count = 1) => {
    while ((counts.get(message) ?? 0) < count) {
      assert.ok(child.exitCode === null && child.signalCode === null, 'the daemon has ended');
      await new Promise<void>((resolve) => watchers.push(resolve));
    }
  };
  return {
    child,
    until,
    cycles: (count) => until('cycle ended', count),
    ended: () => counts.get('cycle ended') ?? 0,
    url: () => url,
    async kill() {
      child.kill('SIGKILL');
      await closed;
    },
  };
}

/** A line that the kill cut in two says nothing. */
function parsed(line: string): Record<string, unknown> {
  try {
    return JSON.parse(line) as Record<string, unknown>;
  } catch {
    return {};
  }
}
