// SIGHUP: configuration and register maps are read again. In a thread of its own, since unpacking spreadsheets takes a while
// and meters that did not change must not miss a slot over it.

import type { Daemon } from '../daemon.js';
import { formatProblem, messageOf } from '../model/errors.js';
import type { Log } from '../model/log.js';
import { loadApart, type Sources } from './config-thread.js';

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
