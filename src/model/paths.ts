// Where the package's own files lie (register maps, migrations, the version), seen from the compiled program in dist/src.

import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** The folder that holds package.json, with a trailing slash. */
export const packageRoot = fileURLToPath(new URL('../../../', import.meta.url));

/** The program's version, from package.json. */
export const version: string = JSON.parse(readFileSync(`${packageRoot}package.json`, 'utf8')).version;
