// The register maps that commands are given: a file, or the name of one that comes with the program.

import process from 'node:process';
import { InputFiles } from '../config/input-files.js';
import { InvalidInput } from '../model/errors.js';

/** Looks as a configuration does; throws InvalidInput, which says where it looked and what may be meant. */
export function findMap(path: string): string {
  const files = new InputFiles(null, process.cwd());
  const found = files.find(path);
  if (found !== null) return found;
  const expected = `expected a register map, or the name of one that comes with EMDC: ${files.advice(path)}`;
  throw new InvalidInput('register map', [
    { severity: 'error', rule: 'file', file: 'command line', place: 'map', value: path, expected },
  ]);
}
