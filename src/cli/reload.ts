// SIGHUP: configuration and register maps are read again. In a thread of its own, since unpacking spreadsheets takes a while
// and meters that did not change must not miss a slot over it.

import { Worker } from 'node:worker_threads';
import type { ConfigSources, LoadedConfig } from '../config/load.js';
import type { Daemon } from '../daemon.js';
import { EmdcError, formatProblem, messageOf } from '../errors.js';
import type { Log } from '../log.js';

export type Sources = Pick<ConfigSources, 'file' | 'flags'>;
export type Answer = { readonly loaded: LoadedConfig } | { readonly error: string };

/** A faulty configuration changes nothing, and is said in full. Never rejects. */
export async function reloadInto(daemon: Pick<Daemon, 'reload'>, sources: Sources, log: Log): Promise<void> {
  try {
    const { config, warnings } = await loadApart(sources);
    for (const warning of warnings) log.warn(`configuration: ${formatProblem(warning)}`);
    daemon.reload(config);
  } catch (error) {
    log.error(`the configuration was not taken over, the collector goes on with the old one: ${messageOf(error)}`);
  }
}

function loadApart(sources: Sources): Promise<LoadedConfig> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL('reload-worker.js', import.meta.url), { workerData: sources });
    worker.once('error', reject);
    worker.once('message', (answer: Answer) => {
      if ('loaded' in answer) resolve(answer.loaded);
      else reject(new EmdcError({ code: 'invalid-input', message: answer.error }));
    });
  });
}
