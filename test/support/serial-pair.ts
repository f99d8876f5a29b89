// Two pseudo-terminals, joined by socat: what is written to one end is read from the other, as on a serial line.

import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, watch } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { SerialLine } from '../../src/model/meter.js';

export const hasSocat = spawnSync('socat', ['-V']).status === 0;

export interface SerialPair {
  readonly ours: SerialLine;
  readonly theirs: SerialLine;
  /** Both devices disappear, as when a USB adapter is unplugged. */
  unplug(): Promise<void>;
  /** They are there again, under the same paths. */
  plug(): Promise<void>;
}

export async function openSerialPair(t: TestContext): Promise<SerialPair> {
  const folder = mkdtempSync(join(tmpdir(), 'emdc-serial-'));
  const line = (name: string): SerialLine => ({
    path: join(folder, name),
    baudRate: 19_200,
    parity: 'none',
    dataBits: 8,
    stopBits: 1,
  });
  const ours = line('ours');
  const theirs = line('theirs');
  const end = ({ path }: SerialLine) => `pty,raw,echo=0,link=${path}`;
  let socat: ReturnType<typeof spawn> | null = null;
  const plug = async () => {
    const watcher = watch(folder);
    socat = spawn('socat', [end(ours), end(theirs)], { stdio: 'ignore' });
    while (!existsSync(ours.path) || !existsSync(theirs.path)) await once(watcher, 'change');
    watcher.close();
  };
  const unplug = async () => {
    if (!socat) return;
    const ended = once(socat, 'exit');
    socat.kill();
    socat = null;
    await ended;
  };
  await plug();
  t.after(async () => {
    await unplug();
    rmSync(folder, { recursive: true, force: true });
  });
  return { ours, theirs, plug, unplug };
}
