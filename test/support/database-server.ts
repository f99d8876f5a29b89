// A database server of the test's own, on a port and in a folder of its own, to be stopped, killed and started at will.

import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import mariadb from 'mariadb';
import pg from 'pg';
import { systemClock } from '../../src/model/clock.js';

export interface DatabaseServer {
  readonly url: string;
  /** Resolves when it answers. */
  start(): Promise<void>;
  /** Cleanly, open connections cut off. */
  stop(): Promise<void>;
  /** kill -9. */
  kill(): Promise<void>;
  /** Stops it and removes its folder. */
  close(): Promise<void>;
}

/** Puts a file beside the server's data, for its eyes only, and returns its path. */
export type ServerFile = (name: string, content: string) => string;

export type ServerKind = 'postgresql' | 'mysql';

/** null: its programs are not on this machine. `more`: arguments for the server. */
export function findServer(
  kind: ServerKind,
): ((more?: (file: ServerFile) => readonly string[]) => Promise<DatabaseServer>) | null {
  const initdb = kind === 'postgresql' ? findPostgres() : findMariadb();
  if (!initdb) return null;
  return async (more = () => []) => {
    const folder = mkdtempSync(join(tmpdir(), 'emdc-server-'));
    const port = await freePort();
    const program = kind === 'postgresql' ? postgres(initdb, folder, port) : maria(initdb, folder, port);
    const file: ServerFile = (name, content) => {
      const path = join(folder, name);
      writeFileSync(path, content, { mode: 0o600 });
      if (program.user) chownSync(path, program.user.uid, program.user.gid);
      return path;
    };
    return new OwnServer(folder, { ...program, args: [...program.args, ...more(file)] });
  };
}

interface Program {
  readonly url: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly user: User | null;
  /** A signal for "end now, but cleanly". */
  readonly stopSignal: NodeJS.Signals;
  answers(): Promise<void>;
}

/** Servers refuse to run as root; null: we are somebody else already. */
interface User {
  readonly uid: number;
  readonly gid: number;
}

class OwnServer implements DatabaseServer {
  readonly url: string;
  readonly #folder: string;
  readonly #program: Program;
  #child: ReturnType<typeof spawn> | null = null;

  constructor(folder: string, program: Program) {
    this.url = program.url;
    this.#folder = folder;
    this.#program = program;
    process.once('exit', () => this.#child?.kill('SIGKILL'));
  }

  async start(): Promise<void> {
    const { command, args, user, answers } = this.#program;
    // After kill -9 the server's own children may hold its shared memory for a moment: it is started until it stays.
    for (let tries = 0; ; tries++) {
      const child = spawn(command, args, { ...(user ?? {}), stdio: 'ignore' });
      this.#child = child;
      while (child.exitCode === null) {
        if (
          await answers().then(
            () => true,
            () => false,
          )
        )
          return;
        await systemClock.sleep(50);
      }
      if (tries === 100) throw new Error(`${command} does not start in ${this.#folder}`);
      await systemClock.sleep(100);
    }
  }

  stop(): Promise<void> {
    return this.#end(this.#program.stopSignal);
  }

  kill(): Promise<void> {
    return this.#end('SIGKILL');
  }

  async close(): Promise<void> {
    await this.kill();
    rmSync(this.#folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child;
    this.#child = null;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.kill(signal);
    await exited;
  }
}

function postgres(bin: string, folder: string, port: number): Program {
  const user = userNamed('postgres');
  if (user) chownSync(folder, user.uid, user.gid);
  const data = join(folder, 'data');
  const options = ['-D', data, '-U', 'emdc', '-A', 'trust', '-E', 'UTF8', '--locale=C', '--no-sync'];
  execFileSync(join(bin, 'initdb'), options, { ...(user ?? {}), stdio: 'ignore', cwd: folder });
  const url = `postgresql://emdc@127.0.0.1:${port}/postgres`;
  const answers = async () => {
    const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 1000 });
    client.on('error', () => {});
    await client.connect();
    await client.end();
  };
  const args = ['-D', data, '-p', String(port), '-k', folder, '-h', '127.0.0.1', '-c', 'shared_buffers=16MB'];
  return { url, command: join(bin, 'postgres'), args, user, stopSignal: 'SIGINT', answers };
}

function maria(install: string, folder: string, port: number): Program {
  const user = userNamed('mysql');
  if (user) chownSync(folder, user.uid, user.gid);
  const data = join(folder, 'data');
  const own = ['--no-defaults', `--datadir=${data}`];
  const options = [...own, '--auth-root-authentication-method=normal', '--skip-test-db'];
  execFileSync(install, options, { ...(user ?? {}), stdio: 'ignore', cwd: folder });
  const connection = { host: '127.0.0.1', port, user: 'root', connectTimeout: 1000 };
  const answers = async () => {
    const client = await mariadb.createConnection(connection);
    await client.query('CREATE DATABASE IF NOT EXISTS emdc');
    await client.end();
  };
  const args = [
    ...own,
    `--port=${port}`,
    '--bind-address=127.0.0.1',
    `--socket=${join(folder, 'socket')}`,
    `--pid-file=${join(folder, 'pid')}`,
    '--innodb-buffer-pool-size=32M',
    '--innodb-log-file-size=16M',
    '--innodb-flush-log-at-trx-commit=1',
  ];
  const url = `mysql://root@127.0.0.1:${port}/emdc`;
  return { url, command: '/usr/sbin/mariadbd', args, user, stopSignal: 'SIGTERM', answers };
}

const findPostgres = (): string | null => {
  const root = '/usr/lib/postgresql';
  const [newest] = existsSync(root) ? readdirSync(root).sort((x, y) => Number(y) - Number(x)) : [];
  return newest === undefined ? null : join(root, newest, 'bin');
};

const findMariadb = (): string | null => {
  const install = '/usr/bin/mariadb-install-db';
  return existsSync(install) && existsSync('/usr/sbin/mariadbd') ? install : null;
};

function userNamed(name: string): User | null {
  if (process.getuid?.() !== 0) return null;
  const line = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .find((entry) => entry.startsWith(`${name}:`));
  const [, , uid, gid] = (line ?? '').split(':');
  return { uid: Number(uid), gid: Number(gid) };
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === 'object' && address ? address.port : 0;
}
