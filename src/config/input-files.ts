// Where a file to be read is looked for: beside the configuration file that names it, then in the working directory, then
// among the files shipped with the program. A register map may also be given by its name alone (`eaton-pxm4000`).

import { existsSync, readdirSync, statSync } from 'node:fs';
import { basename, dirname, extname, isAbsolute, join, relative, resolve } from 'node:path';
import { packageRoot } from '../model/paths.js';
import { didYouMean } from './format-error.js';
import type { Raw } from './source-value.js';

/** Ends of the names of register maps. */
const mapEndings = ['.xlsx', '.csv'];
const shippedMaps = join(packageRoot, 'register-maps');

export class InputFiles {
  readonly #configFile: string | null;
  readonly #workingDirectory: string;

  constructor(configFile: string | null, workingDirectory: string) {
    this.#configFile = configFile;
    this.#workingDirectory = workingDirectory;
  }

  /** Absolute; null: it is in none of the places. */
  find(path: string, raw: Raw | null = null): string | null {
    const names =
      extname(path) === '' || !mapEndings.includes(extname(path).toLowerCase())
        ? [path, ...mapEndings.map((ending) => path + ending)]
        : [path];
    const folders = isAbsolute(path) ? ['/'] : [...this.places(raw), shippedMaps];
    for (const folder of folders) {
      for (const name of names) {
        const candidate = resolve(folder, name);
        if (existsSync(candidate) && statSync(candidate).isFile()) return candidate;
      }
    }
    return null;
  }

  /** Folders, in the order in which they are tried. */
  places(raw: Raw | null): string[] {
    const beside =
      raw !== null && raw.file === this.#configFile ? [dirname(resolve(this.#workingDirectory, raw.file))] : [];
    return [...new Set([...beside, resolve(this.#workingDirectory), resolve(packageRoot)])];
  }

  /** For a register map that `find` did not find: where it was looked for, and the shipped one that may be meant. */
  advice(path: string, raw: Raw | null = null): string {
    const looked = isAbsolute(path) ? 'no such file' : `looked in ${[...this.places(raw), shippedMaps].join(', ')}`;
    const names = shippedMapFiles().map((file) => basename(file, extname(file)));
    return `${looked}${didYouMean(basename(path, extname(path)), names)}`;
  }
}

/** How a person would name the map: a shipped one by its name, others by the path from `workingDirectory`. */
export function mapReference(file: string, workingDirectory: string): string {
  if (dirname(file) === resolve(shippedMaps)) return basename(file, extname(file));
  const path = relative(workingDirectory, file);
  return path.startsWith('..') ? file : path;
}

/** Absolute paths of the maps that come with the program, by name. */
export function shippedMapFiles(folder = shippedMaps): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((file) => mapEndings.includes(extname(file).toLowerCase()) && !file.startsWith('~$'))
    .sort()
    .map((file) => join(folder, file));
}
