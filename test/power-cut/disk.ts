// What a disk holds after a power cut: a model of a journaling file system (ext4, XFS) that keeps exactly what was synced,
// and of the rest whatever chance decides.
//
// - Bytes of a file are durable once fsync or fdatasync of the file has returned. Of the writes since, each 512-byte sector
//   may have arrived or not.
// - Names (created, renamed, deleted) are durable once the directory was synced; a new file's own name also by a sync of the
//   file. Of the changes of names since, the file system's journal keeps a first part, in their order.

import { mkdirSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { directoryOf, type FileCall } from './file-calls.js';

const SECTOR = 512;

type Change =
  | { readonly kind: 'write'; readonly offset: number; readonly bytes: Buffer }
  | { readonly kind: 'truncate'; readonly size: number };

interface Inode {
  durable: Buffer;
  /** Since the last sync, in order. */
  pending: Change[];
}

type NameChange =
  | { readonly kind: 'create'; readonly path: string; readonly inode: Inode }
  | { readonly kind: 'rename'; readonly from: string; readonly to: string }
  | { readonly kind: 'unlink'; readonly path: string };

export class Disk {
  /** As the running program sees them. */
  readonly #names = new Map<string, Inode>();
  readonly #durableNames = new Map<string, Inode>();
  #pendingNames: NameChange[] = [];
  readonly #directories = new Set<string>();

  apply(call: FileCall): void {
    switch (call.kind) {
      case 'open': {
        const known = this.#names.get(call.path);
        if (known && call.truncated) known.pending.push({ kind: 'truncate', size: 0 });
        if (known || !call.create) return;
        this.#create(call.path);
        return;
      }
      case 'write':
        this.#inode(call.path).pending.push({ kind: 'write', offset: call.offset, bytes: call.bytes });
        return;
      case 'truncate':
        this.#inode(call.path).pending.push({ kind: 'truncate', size: call.size });
        return;
      case 'sync':
        this.#sync(call.path);
        return;
      case 'rename': {
        const inode = this.#names.get(call.from);
        if (!inode) return;
        this.#names.delete(call.from);
        this.#names.set(call.to, inode);
        this.#pendingNames.push(call);
        return;
      }
      case 'unlink':
        if (this.#names.delete(call.path)) this.#pendingNames.push(call);
        return;
      case 'mkdir':
        this.#directories.add(call.path);
        return;
      case 'print':
        return;
    }
  }

  /** Writes what a cut at this moment leaves, below `to`. `random`: 0 ≤ x < 1; always 0 keeps only what was synced. */
  writeCut(root: string, to: string, random: () => number): void {
    const names = new Map(this.#durableNames);
    const kept = Math.floor(random() * (this.#pendingNames.length + 1));
    for (const change of this.#pendingNames.slice(0, kept)) applyName(names, change);
    mkdirSync(to, { recursive: true });
    for (const directory of this.#directories) mkdirSync(join(to, relative(root, directory)), { recursive: true });
    for (const [path, inode] of names) {
      const target = join(to, relative(root, path));
      mkdirSync(directoryOf(target), { recursive: true });
      writeFileSync(target, contentAfterCut(inode, random));
    }
  }

  #create(path: string): Inode {
    const inode: Inode = { durable: Buffer.alloc(0), pending: [] };
    this.#names.set(path, inode);
    this.#pendingNames.push({ kind: 'create', path, inode });
    return inode;
  }

  #inode(path: string): Inode {
    return this.#names.get(path) ?? this.#create(path);
  }

  #sync(path: string): void {
    const inode = this.#names.get(path);
    if (!inode) {
      this.#settleNames((change) => directoryOf(change.kind === 'rename' ? change.to : change.path) === path);
      return;
    }
    for (const change of inode.pending) inode.durable = applied(inode.durable, change, () => true);
    inode.pending = [];
    this.#settleNames((change) => change.kind === 'create' && change.inode === inode);
  }

  #settleNames(isDurable: (change: NameChange) => boolean): void {
    const left: NameChange[] = [];
    for (const change of this.#pendingNames) {
      if (isDurable(change)) applyName(this.#durableNames, change);
      else left.push(change);
    }
    this.#pendingNames = left;
  }
}

function applyName(names: Map<string, Inode>, change: NameChange): void {
  if (change.kind === 'create') names.set(change.path, change.inode);
  else if (change.kind === 'unlink') names.delete(change.path);
  else {
    const inode = names.get(change.from);
    names.delete(change.from);
    if (inode) names.set(change.to, inode);
  }
}

function contentAfterCut(inode: Inode, random: () => number): Buffer {
  const share = random();
  let content = inode.durable;
  for (const change of inode.pending) content = applied(content, change, () => random() < share);
  return content;
}

/** The content after a change of which those sectors arrive that `arrives` says. */
function applied(content: Buffer, change: Change, arrives: () => boolean): Buffer {
  if (change.kind === 'truncate') {
    if (!arrives()) return content;
    const cut = Buffer.alloc(change.size);
    content.copy(cut);
    return cut;
  }
  const { offset, bytes } = change;
  let result = content;
  for (let at = offset; at < offset + bytes.length; ) {
    const end = Math.min(offset + bytes.length, at - (at % SECTOR) + SECTOR);
    if (arrives()) {
      if (result === content || result.length < end) {
        const larger = Buffer.alloc(Math.max(result.length, end));
        result.copy(larger);
        result = larger;
      }
      bytes.copy(result, at, at - offset, end - offset);
    }
    at = end;
  }
  return result;
}
