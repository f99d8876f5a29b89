// Runs a program under strace and gives its file calls in the order in which they took effect, each with the bytes that it
// wrote: what is needed to say which bytes a power cut at any moment would have left on the disk.

import { spawn } from 'node:child_process';
import { createReadStream } from 'node:fs';
import { basename, dirname } from 'node:path';
import { createInterface } from 'node:readline';

export type FileCall =
  /** A file was opened; it is empty now if `truncated`. Its name is new if it did not exist. */
  | { readonly kind: 'open'; readonly path: string; readonly create: boolean; readonly truncated: boolean }
  | { readonly kind: 'write'; readonly path: string; readonly offset: number; readonly bytes: Buffer }
  | { readonly kind: 'truncate'; readonly path: string; readonly size: number }
  /** fsync or fdatasync of a file or a directory returned. */
  | { readonly kind: 'sync'; readonly path: string }
  | { readonly kind: 'rename'; readonly from: string; readonly to: string }
  | { readonly kind: 'unlink'; readonly path: string }
  | { readonly kind: 'mkdir'; readonly path: string }
  /** A line that the program printed on standard output. */
  | { readonly kind: 'print'; readonly line: string };

const CALLS =
  'openat,write,pwrite64,writev,pwritev,lseek,ftruncate,truncate,fsync,fdatasync,rename,renameat,renameat2,unlink,unlinkat,mkdir,mkdirat';

/**
 * Runs `node FILE …arguments` under strace until it ends; the trace goes to `log`. Rejects when strace is missing or the
 * program fails.
 */
export function trace(log: string, file: string, ...args: readonly string[]): Promise<void> {
  const strace = ['-f', '-qq', '--seccomp-bpf', '-y', '-xx', '-s', '16777216', '-e', `trace=${CALLS}`, '-o', log];
  // libuv's io_uring would write without a system call for each write.
  const env = { ...process.env, UV_USE_IO_URING: '0' };
  return new Promise((resolve, reject) => {
    const child = spawn('strace', [...strace, process.execPath, file, ...args], {
      env,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    child.stdout.resume();
    child.on('error', reject);
    child.on('exit', (code) => (code === 0 ? resolve() : reject(new Error(`${basename(file)} ended with ${code}`))));
  });
}

/** The calls of a trace that touch files below `root`, and the lines printed. */
export async function* fileCalls(log: string, root: string): AsyncGenerator<FileCall> {
  const unfinished = new Map<string, string>();
  const positions = new Positions();
  let printed = '';
  for await (const text of createInterface({ input: createReadStream(log) })) {
    const [, pid = '', rest = ''] = /^(\d+) +(.*)$/s.exec(text) ?? [];
    const begun = /^(.*) <unfinished \.\.\.>$/s.exec(rest);
    if (begun) {
      unfinished.set(pid, begun[1] ?? '');
      continue;
    }
    const resumed = /^<\.\.\. \w+ resumed>(.*)$/s.exec(rest);
    const call = resumed ? `${unfinished.get(pid) ?? ''}${resumed[1]}` : rest;
    const [, name = '', args = '', result = ''] = /^(\w+)\((.*)\) += (-?\d+)/s.exec(call) ?? [];
    if (name === '' || Number(result) < 0) continue;
    const parsed = positions.parse(name, args, call, Number(result));
    if (parsed === null) continue;
    if (parsed.kind === 'print') {
      printed += parsed.line;
      const lines = printed.split('\n');
      printed = lines.pop() ?? '';
      for (const line of lines) yield { kind: 'print', line };
    } else if (isBelow(root, parsed)) yield parsed;
  }
}

const isBelow = (root: string, call: Exclude<FileCall, { kind: 'print' }>): boolean =>
  call.kind === 'rename' ? call.to.startsWith(root) : call.path.startsWith(root);

/** Keeps the position of every open file, since `write` does not name it. */
class Positions {
  readonly #byDescriptor = new Map<string, { path: string; at: number; append: boolean }>();
  readonly #sizes = new Map<string, number>();

  parse(name: string, args: string, call: string, result: number): FileCall | null {
    const [, descriptor = '', hexPath = ''] = /^(\d+)<([^>]*)>/.exec(args) ?? [];
    const path = unhex(hexPath).toString();
    const strings = [...args.matchAll(/"((?:\\x[0-9a-f]{2})*)"/g)].map((match) => unhex(match[1] ?? ''));
    const numbers = args.slice(args.lastIndexOf('"') + 1).match(/-?\d+/g) ?? [];
    switch (name) {
      case 'openat': {
        const opened = unhex(/= \d+<([^>]*)>/.exec(call)?.[1] ?? '').toString();
        const truncated = args.includes('O_TRUNC');
        if (truncated) this.#sizes.set(opened, 0);
        this.#byDescriptor.set(String(result), { path: opened, at: 0, append: args.includes('O_APPEND') });
        if (args.includes('O_RDONLY')) return null;
        return { kind: 'open', path: opened, create: args.includes('O_CREAT'), truncated };
      }
      case 'lseek': {
        const file = this.#byDescriptor.get(descriptor);
        if (file) file.at = result;
        return null;
      }
      case 'write':
      case 'writev': {
        const bytes = Buffer.concat(strings).subarray(0, result);
        if (descriptor === '1') return { kind: 'print', line: bytes.toString() };
        const file = this.#byDescriptor.get(descriptor);
        if (!file) return null;
        const offset = file.append ? (this.#sizes.get(path) ?? 0) : file.at;
        file.at = offset + bytes.length;
        return this.#written(path, offset, bytes);
      }
      case 'pwrite64':
      case 'pwritev':
        return this.#written(path, Number(numbers.at(-1)), Buffer.concat(strings).subarray(0, result));
      case 'ftruncate': {
        const size = Number(/,\s*(\d+)$/.exec(args)?.[1]);
        this.#sizes.set(path, size);
        return { kind: 'truncate', path, size };
      }
      case 'truncate': {
        const size = Number(numbers.at(-1));
        this.#sizes.set(String(strings[0]), size);
        return { kind: 'truncate', path: String(strings[0]), size };
      }
      case 'fsync':
      case 'fdatasync':
        return { kind: 'sync', path };
      case 'rename':
      case 'renameat':
      case 'renameat2':
        return { kind: 'rename', from: String(strings[0]), to: String(strings[1]) };
      case 'unlink':
      case 'unlinkat':
        return { kind: 'unlink', path: String(strings[0]) };
      case 'mkdir':
      case 'mkdirat':
        return { kind: 'mkdir', path: String(strings[0]) };
      default:
        return null;
    }
  }

  #written(path: string, offset: number, bytes: Buffer): FileCall {
    this.#sizes.set(path, Math.max(this.#sizes.get(path) ?? 0, offset + bytes.length));
    return { kind: 'write', path, offset, bytes };
  }
}

const unhex = (text: string): Buffer => Buffer.from(text.replaceAll('\\x', ''), 'hex');

/** The directory whose sync makes a name durable. */
export const directoryOf = (path: string): string => dirname(path);
