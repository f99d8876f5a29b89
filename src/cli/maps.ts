// The register maps that commands are given: a file, or the name of one that comes with the program.

import process from 'node:process';
import { InputFiles } from '../config/input-files.js';
import { EmdcError } from '../model/errors.js';

/** Looks as a configuration does; throws EmdcError `no-such-file`, which says where and what may be meant. */
export function findMap(path: string): string {
  const files = new InputFiles(null, process.cwd());
  const found = files.find(path);
  if (found !== null) return found;
  throw new EmdcError({
    code: 'no-such-file',
    message: `there is no register map ${JSON.stringify(path)}: ${files.advice(path)}`,
    hint: 'Give a file, or the name of a map that comes with EMDC, such as eastron-sdm630.',
  });
}
