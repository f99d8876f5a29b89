// Where a file to be read is looked for: beside the configuration file that names it, then in the working directory, then
// among the files shipped with the program (register-maps/…).

import { existsSync } from 'node:fs';
import { dirname, isAbsolute, resolve } from 'node:path';
import { packageRoot } from '../model/paths.js';
import type { Raw } from './source-value.js';

export class InputFiles {
  readonly #configFile: string | null;
  readonly #workingDirectory: string;

  constructor(configFile: string | null, workingDirectory: string) {
    this.#configFile = configFile;
    this.#workingDirectory = workingDirectory;
  }

  /** Absolute; null: it is in none of the places. */
  find(path: string, raw: Raw): string | null {
    if (isAbsolute(path)) return existsSync(path) ? path : null;
    const candidates = this.places(raw).map((folder) => resolve(folder, path));
    return candidates.find((candidate) => existsSync(candidate)) ?? null;
  }

  /** Folders, in the order in which they are tried. */
  places(raw: Raw): string[] {
    const beside = raw.file === this.#configFile ? [dirname(resolve(this.#workingDirectory, raw.file))] : [];
    return [...new Set([...beside, resolve(this.#workingDirectory), resolve(packageRoot)])];
  }
}
