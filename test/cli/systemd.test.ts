import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { openSystemd } from '../../src/cli/systemd.js';
import { silentLog } from '../../src/model/log.js';
import { RecordingLog } from '../support/recording-log.js';

const has = (command: string): boolean => {
  try {
    execFileSync('which', [command]);
    return true;
  } catch {
    return false;
  }
};
const missing = ['systemd-notify', 'python3'].filter((command) => !has(command));
const skip = missing.length > 0 ? `${missing.join(' and ')} not installed` : false;

/** Receives datagrams as systemd does, one line each. */
const RECEIVER = `
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
print('bound', flush=True)
while True:
    data, ancillary, flags, _ = s.recvmsg(4096, 4096)
    for line in data.decode().split('\\n'):
        print(line, flush=True)
`;

test('systemd hears ready, the watchdog while cycles end, and stopping', { skip }, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'emdc-systemd-'));
  const socket = join(folder, 'notify');
  const receiver = spawn('python3', ['-c', RECEIVER, socket], { stdio: ['ignore', 'pipe', 'inherit'] });
  t.after(() => {
    receiver.kill();
    rmSync(folder, { recursive: true });
  });
  const lines: string[] = [];
  const reader = createInterface({ input: receiver.stdout });
  const until = async (line: string) => {
    while (!lines.includes(line)) lines.push(String((await once(reader, 'line'))[0]));
    lines.length = 0;
  };
  await until('bound');
  let alive = true;
  const log = new RecordingLog();
  const env = { PATH: process.env['PATH'], NOTIFY_SOCKET: socket, WATCHDOG_USEC: '400000' };
  const systemd = openSystemd({ env, log, alive: () => alive });
  systemd.ready('reads 2 meters');
  await until('READY=1');
  await until('WATCHDOG=1');
  alive = false;
  const { length } = log.lines;
  await log.until('no cycle ends any more: the watchdog is left to act', 2);
  assert.equal(length, 0);
  const stopped = systemd.stopping();
  await until('STOPPING=1');
  await stopped;
});

test('where systemd-notify is not installed, it is said once', async () => {
  const log = new RecordingLog();
  const env = { PATH: '/nowhere', NOTIFY_SOCKET: '/run/systemd/notify' };
  const systemd = openSystemd({ env, log, alive: () => true });
  systemd.ready('reads 2 meters');
  await systemd.stopping();
  await log.until('systemd could not be told');
  assert.equal(log.lines.length, 1);
});

test('without systemd nothing happens', async () => {
  const systemd = openSystemd({ env: {}, log: silentLog, alive: () => true });
  systemd.ready('');
  await systemd.stopping();
});
