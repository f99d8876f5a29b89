// The daemon as a process of its own, to be killed. It has to log as JSON, down to debug.

import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import process from 'node:process';
import { createInterface } from 'node:readline';
import { packageRoot } from '../../src/paths.js';

export interface DaemonProcess {
  readonly child: ChildProcess;
  /** Resolves when it has logged the message so often. */
  until(message: string, count?: number): Promise<void>;
  /** Resolves when so many of its cycles have ended. */
  cycles(count: number): Promise<void>;
}

/** Slots of cycles that it says have ended go to `finished`. */
export function startProcess(file: string, finished: number[]): DaemonProcess {
  const child = spawn(process.execPath, [join(packageRoot, 'dist/src/main.js'), 'run', '--config', file], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const counts = new Map<string, number>();
  let watch: () => void = () => {};
  createInterface({ input: child.stdout }).on('line', (line) => {
    const said = JSON.parse(line) as Record<string, unknown>;
    const message = String(said['message']);
    counts.set(message, (counts.get(message) ?? 0) + 1);
    if (message === 'cycle ended') finished.push(Date.parse(String(said['slot'])));
    watch();
  });
  child.once('exit', () => watch());
  const until = async (message: string, count = 1) => {
    while ((counts.get(message) ?? 0) < count) {
      assert.equal(child.exitCode, null, 'the daemon ended by itself');
      await new Promise<void>((resolve) => {
        watch = resolve;
      });
    }
  };
  return { child, until, cycles: (count) => until('cycle ended', count) };
}
