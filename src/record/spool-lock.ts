// Keeps two collectors from sharing a spool directory: a local socket in it, which the kernel closes with its process,
// however that ends. Works between containers that share the directory, where process ids mean nothing.

import { unlink } from 'node:fs/promises';
import { connect, createServer, type Server } from 'node:net';
import { join, relative } from 'node:path';
import process from 'node:process';
import { EmdcError } from '../model/errors.js';
import type { Log } from '../model/log.js';

/**
 * Resolves to the function that releases the lock. Rejects with `spool-in-use` where another process holds the directory. A
 * file system without sockets gives a warning and no lock.
 */
export async function lockSpool(directory: string, log: Log): Promise<() => Promise<void>> {
  const path = socketPath(directory);
  for (let attempt = 0; ; attempt++) {
    try {
      const server = await listen(path);
      return () => new Promise((resolve) => server.close(() => resolve()));
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code;
      if (code !== 'EADDRINUSE') {
        log.warn('spool directory cannot be locked: make sure that no other collector uses it', { directory, error });
        return async () => {};
      }
      if (attempt > 2 || (await isHeld(path))) {
        throw new EmdcError({
          code: 'spool-in-use',
          message: `spool directory ${directory} is in use by another collector`,
          hint: 'give every collector a spool.directory of its own',
        });
      }
      await unlink(path).catch(() => {});
    }
  }
}

/** Socket paths are limited to about 100 bytes: the shorter one of absolute and relative. */
function socketPath(directory: string): string {
  const absolute = join(directory, 'lock');
  const local = relative(process.cwd(), absolute);
  return local.length < absolute.length ? local : absolute;
}

function listen(path: string): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy());
    server.unref();
    server.once('error', reject);
    server.listen(path, () => resolve(server));
  });
}

function isHeld(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
