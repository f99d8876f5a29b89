// Reads files that a person wrote or named: the configuration and the register maps.

import { readFileSync, statSync } from 'node:fs';

const MAX_BYTES = 32 * 1024 * 1024;

/**
 * The whole file, at most 32 MB. Throws an Error that says why not: a pipe or a device, which might never end, is not read.
 */
export function readInputFile(file: string): Buffer {
  const stats = statSync(file);
  if (!stats.isFile()) throw new Error('it is not a regular file');
  if (stats.size > MAX_BYTES) throw new Error(`it is larger than ${MAX_BYTES / 1024 / 1024} MB`);
  return readFileSync(file);
}
