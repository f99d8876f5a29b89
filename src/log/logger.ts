// The log, by winston. No secret passes, and no log that cannot be written stops the collector.

import { once } from 'node:events';
import process from 'node:process';
import { Writable } from 'node:stream';
import winston from 'winston';
import type { Log, LogFields, LogLevel, LogSettings } from '../model/log.js';
import { Folder } from './fold.js';
import { hideSecrets, lineFormat, styleOf } from './formats.js';
import { LogFile } from './log-file.js';

export interface Logger {
  readonly log: Log;
  /** Everything logged has been handed to the system when it resolves. Twice is safe. */
  close(): Promise<void>;
}

export type LoggerOptions = LogSettings & {
  /** Texts that must never appear, e.g. the token. */
  readonly secrets?: readonly string[];
  /** Where lines go; default standard output. */
  readonly stream?: NodeJS.WritableStream & { readonly isTTY?: boolean };
  readonly env?: NodeJS.ProcessEnv;
};

const levels: Readonly<Record<LogLevel, number>> = { error: 0, warn: 1, info: 2, debug: 3 };

/** A log on the stream, and in a file where one is configured. Never throws; lines that cannot be written are dropped. */
export function createLogger(options: LoggerOptions): Logger {
  const { stream = process.stdout, env = process.env, secrets = [], level, file } = options;
  const style = styleOf(options.format, stream.isTTY === true, env);
  const transports: winston.transport[] = [
    new winston.transports.Stream({ stream, eol: '\n', format: lineFormat(style) }),
  ];
  if (file !== '') {
    const format = lineFormat(options.format === 'json' ? 'json' : 'text');
    transports.push(new winston.transports.Stream({ stream: fileStream(new LogFile(file, options)), format, eol: '' }));
  }
  const format = hideSecrets(secrets);
  const logger = winston.createLogger({ levels: { ...levels }, level, format, transports, exitOnError: false });
  // A closed pipe must not end the collector, and there is nowhere to say so.
  stream.on('error', () => {});

  const folder = new Folder((entry) => void logger.log({ ...entry }));
  const at =
    (lineLevel: LogLevel) =>
    (message: string, fields: LogFields = {}) => {
      if (levels[lineLevel] <= levels[level]) folder.add({ level: lineLevel, message, fields });
    };

  let closing: Promise<void> | undefined;
  const close = async () => {
    folder.flush();
    const finished = transports.map((transport) => once(transport, 'finish'));
    logger.end();
    await Promise.allSettled(finished);
  };
  return {
    log: { error: at('error'), warn: at('warn'), info: at('info'), debug: at('debug') },
    close: () => {
      closing ??= close();
      return closing;
    },
  };
}

/** Where winston's text goes to the file. */
const fileStream = (file: LogFile): Writable =>
  new Writable({
    decodeStrings: false,
    write: (line: string, _encoding, done) => {
      file.write(line);
      done();
    },
  });
