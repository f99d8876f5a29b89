// SIGHUP: configuration and register maps are read again. In a thread of its own, since unpacking spreadsheets takes a while
// and meters that did not change must not miss a slot over it.

import type { Daemon } from '../daemon.js';
import { formatProblem, messageOf, type Problem } from '../model/errors.js';
import type { Log } from '../model/log.js';
import { loadApart, type Sources } from './config-thread.js';

/** Logs warnings about a configuration: each once, however often it is read again. */
export class ConfigWarnings {
  #logged = new Set<string>();

  log(warnings: readonly Problem[], log: Log): void {
    // A line number alone, which moves with every edit, makes no new warning.
    const texts = new Map(warnings.map((warning) => [formatProblem(warning).replace(/ \(line \d+\)/, ''), warning]));
    for (const [text, warning] of texts) {
      if (!this.#logged.has(text)) log.warn(`configuration: ${formatProblem(warning)}`);
    }
    // A warning that was mended and comes back is logged again.
    this.#logged = new Set(texts.keys());
  }
}

export interface ReloadContext {
  readonly sources: Sources;
  readonly warnings: ConfigWarnings;
  readonly log: Log;
}

/** A faulty configuration changes nothing, and is logged in full. Never rejects. */
export async function reloadInto(
  daemon: Pick<Daemon, 'reload'>,
  { sources, warnings, log }: ReloadContext,
): Promise<void> {
  try {
    const loaded = await loadApart(sources);
    warnings.log(loaded.warnings, log);
    daemon.reload(loaded.config);
  } catch (error) {
    log.error(`the configuration was not taken over, the collector goes on with the old one: ${messageOf(error)}`);
  }
}
