// Makes the spool's directory this process' own, and finds what earlier ones left in it.

import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { EmdcError, messageOf } from '../model/errors.js';
import { syncDirectory } from './segment-file.js';
import { findSegments } from './segments.js';
import { Spool, type SpoolOptions } from './spool.js';
import { lockSpool } from './spool-lock.js';

/** Rejects when the directory cannot be used, or is in use. */
export async function openSpool(options: SpoolOptions): Promise<Spool> {
  const { directory, log } = options;
  try {
    const created = await mkdir(directory, { recursive: true });
    if (created !== undefined) await syncDirectory(join(created, '..'));
  } catch (error) {
    throw unusable(directory, error);
  }
  const lock = await lockSpool(directory, log);
  try {
    return new Spool(options, lock, await findSegments(directory));
  } catch (error) {
    await lock.release();
    throw unusable(directory, error);
  }
}

const unusable = (directory: string, cause: unknown): EmdcError =>
  new EmdcError({
    code: 'spool-unusable',
    message: `spool directory ${directory} cannot be used: ${messageOf(cause)}`,
    hint: 'set spool.directory to a folder that the collector may write to',
    cause,
  });
