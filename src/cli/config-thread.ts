// Loads configuration and register maps in a thread of its own that ends with it. At a reload, so that no meter misses a
// slot while spreadsheets are unpacked; at the start, since what that takes (spreadsheet and YAML libraries, unpacked
// sheets) would stay in the daemon's memory for good.

import { Worker } from 'node:worker_threads';
import type { ConfigSources, LoadedConfig } from '../config/load.js';
import { EmdcError, InvalidInput, type Problem } from '../model/errors.js';

export type Sources = Pick<ConfigSources, 'file' | 'flags'>;

export type Answer =
  | { readonly loaded: LoadedConfig }
  | { readonly invalid: { readonly what: string; readonly problems: readonly Problem[] } }
  /** `code` null: not a foreseen error. */
  | { readonly failure: { readonly code: string | null; readonly message: string; readonly hint: string } };

/** Rejects as `loadConfig` does. The environment is this process's. */
export function loadApart(sources: Sources): Promise<LoadedConfig> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL('config-worker.js', import.meta.url), { workerData: sources });
    worker.once('error', reject);
    worker.once('exit', (code) => reject(new Error(`loading the configuration ended with ${code}`)));
    worker.once('message', (answer: Answer) => {
      if ('loaded' in answer) resolve(answer.loaded);
      else if ('invalid' in answer) reject(new InvalidInput(answer.invalid.what, answer.invalid.problems));
      else reject(errorOf(answer.failure));
    });
  });
}

const errorOf = ({ code, message, hint }: { code: string | null; message: string; hint: string }): Error =>
  code === null ? new Error(message) : new EmdcError({ code, message, hint });
