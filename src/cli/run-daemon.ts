// What `emdc run` does once its configuration is there. A file of its own, so that the daemon's modules are read while the
// configuration is.

import process from 'node:process';
import type { Config } from '../config/config.js';
import type { LoadedConfig } from '../config/load.js';
import { type Daemon, startDaemon } from '../daemon.js';
import { createLogger, type Logger } from '../log/logger.js';
import { EmdcError, messageOf } from '../model/errors.js';
import type { Sources } from './config-thread.js';
import { done, failed } from './exit.js';
import { ConfigWarnings, type ReloadContext, reloadInto } from './reload.js';
import { untilStopped } from './signals.js';
import { openSystemd } from './systemd.js';

export function loggerFor(config: Config): Logger {
  const secrets = [config.http.token, passwordOf(config.database.url)].filter((secret) => secret !== '');
  return createLogger({ ...config.log, secrets });
}

function passwordOf(url: string): string {
  return URL.canParse(url) ? decodeURIComponent(new URL(url).password) : '';
}

/** Resolves to the exit code, when the daemon has stopped and its log is closed. `sources` are for SIGHUP. */
export async function runDaemon({ config, warnings }: LoadedConfig, sources: Sources): Promise<number> {
  const logger = loggerFor(config);
  const logged = new ConfigWarnings();
  logged.log(warnings, logger.log);
  const exitCode = await untilStop(config, logger, { sources, warnings: logged, log: logger.log });
  await logger.close();
  // Whatever still holds the process open after an orderly stop must not keep it from ending.
  setTimeout(() => process.exit(), 1000).unref();
  return exitCode;
}

async function untilStop(config: Config, { log, close }: Logger, context: ReloadContext): Promise<number> {
  // A state that nobody foresaw is not one to go on collecting in: whoever supervises the process starts it anew.
  process.on('uncaughtException', async (error) => {
    log.error(`unexpected: ${messageOf(error)}`, { stack: error instanceof Error ? error.stack : undefined });
    await close();
    process.exit(failed);
  });
  const stopped = untilStopped();
  const starting = startDaemon({ config, log });
  let reloaded = Promise.resolve();
  process.on('SIGHUP', () => {
    const reload = () => starting.then((daemon) => reloadInto(daemon, context));
    reloaded = reloaded.then(reload).catch(() => {});
  });
  let daemon: Daemon;
  try {
    daemon = await starting;
  } catch (error) {
    const { code, hint } = error instanceof EmdcError ? error : { code: 'unexpected', hint: undefined };
    log.error(`the collector cannot start: ${messageOf(error)}`, { code, hint: hint === '' ? undefined : hint });
    return failed;
  }
  const systemd = openSystemd({ log, alive: () => daemon.alive() });
  systemd.ready(`reads ${config.meters.length} meters, ${daemon.url}`);
  log.info(`stopping on ${await stopped}`);
  void systemd.stopping();
  await daemon.stop();
  return done;
}
