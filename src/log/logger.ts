// The log, by winston: text for people, JSON for machines, `<N>` priorities for the journal (which adds the time itself), and
// a rotating file where asked. No secret passes, and no log that cannot be written stops the collector.

import { once } from 'node:events';
import process from 'node:process';
import { Writable } from 'node:stream';
import winston from 'winston';
import { EmdcError } from '../model/errors.js';
import type { Log, LogFields, LogLevel, LogSettings } from '../model/log.js';
import { isSecretName, redact } from '../model/redact.js';
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

type Style = 'terminal' | 'text' | 'journal' | 'json';

/** Where winston's transports look for the finished line. */
const MESSAGE: unique symbol = Symbol.for('message');

const ranks: Readonly<Record<LogLevel, number>> = { error: 0, warn: 1, info: 2, debug: 3 };
const levels = Object.keys(ranks) as LogLevel[];
/** Of syslog(3), as sd-daemon(3) reads them at the start of a line. */
const priorities: Readonly<Record<LogLevel, number>> = { error: 3, warn: 4, info: 6, debug: 7 };
const colours: Readonly<Record<LogLevel, number>> = { error: 31, warn: 33, info: 32, debug: 90 };

export function createLogger(options: LoggerOptions): Logger {
  const { stream = process.stdout, env = process.env, secrets = [] } = options;
  const style = styleOf(options.format, stream.isTTY === true, env);
  const hide = hider(secrets);
  const transports: winston.transport[] = [
    new winston.transports.Stream({ stream, format: lineFormat(style, hide), eol: '\n' }),
  ];
  if (options.file !== '') {
    const format = lineFormat(options.format === 'json' ? 'json' : 'text', hide);
    transports.push(
      new winston.transports.Stream({ stream: fileStream(new LogFile(options.file, options)), format, eol: '' }),
    );
  }
  const logger = winston.createLogger({ levels: { ...ranks }, level: options.level, transports, exitOnError: false });
  // A closed pipe must not end the collector, and there is nowhere to say so.
  stream.on('error', () => {});

  const enabled = (level: LogLevel): boolean => ranks[level] <= ranks[options.level];
  const write = (level: LogLevel) => (message: string, fields?: LogFields) => {
    if (enabled(level)) logger.log({ level, message, fields: fields ?? {} });
  };
  const log = Object.fromEntries(levels.map((level) => [level, write(level)])) as unknown as Log;

  let closing: Promise<void> | undefined;
  const close = async () => {
    const flushed = transports.map((transport) => once(transport, 'finish'));
    logger.end();
    await Promise.allSettled(flushed);
  };
  return {
    log,
    close: () => {
      closing ??= close();
      return closing;
    },
  };
}

/** winston's own file transport stalls the others when its disk is full. */
const fileStream = (file: LogFile): Writable =>
  new Writable({
    decodeStrings: false,
    write: (line: string, _encoding, done) => {
      file.write(line);
      done();
    },
  });

function styleOf(format: LogSettings['format'], terminal: boolean, env: NodeJS.ProcessEnv): Style {
  const journal = env['JOURNAL_STREAM'] !== undefined && !terminal;
  if (format === 'json' || (format === 'auto' && !terminal && !journal)) return 'json';
  if (journal) return 'journal';
  return terminal && env['NO_COLOR'] === undefined ? 'terminal' : 'text';
}

type Hide = (text: string) => string;

function hider(secrets: readonly string[]): Hide {
  // Shorter ones would blot out innocent text, and guessing them is no work anyway.
  const long = secrets.flatMap((secret) => [secret, encodeURIComponent(secret)]).filter((secret) => secret.length >= 4);
  return (text) => long.reduce((rest, secret) => rest.replaceAll(secret, '***'), redact(text));
}

const lineFormat = (style: Style, hide: Hide): winston.Logform.Format => ({
  transform: (info) => {
    const level = info.level as LogLevel;
    const message = hide(String(info.message));
    const fields = clean(info['fields'] as LogFields, hide);
    return { ...info, [MESSAGE]: lineOf(style, { level, message, fields }) };
  },
});

interface Entry {
  readonly level: LogLevel;
  readonly message: string;
  readonly fields: LogFields;
}

function lineOf(style: Style, { level, message, fields }: Entry): string {
  const time = new Date().toISOString();
  const always = { time, level, message };
  if (style === 'json') return JSON.stringify({ ...always, ...fields, ...always });
  const text = `${message}${fieldsText(fields)}`;
  switch (style) {
    case 'journal':
      return text.replaceAll(/^/gm, `<${priorities[level]}>`);
    case 'text':
      return `${time} ${level.padEnd(5)} ${text.replaceAll('\n', '\n  ')}`;
    case 'terminal':
      return `\x1b[90m${time.slice(11, 23)}\x1b[0m \x1b[${colours[level]}m${level.padEnd(5)}\x1b[0m ${text.replaceAll('\n', '\n  ')}`;
  }
}

function fieldsText(fields: LogFields): string {
  let text = '';
  for (const [name, value] of Object.entries(fields)) {
    if (value === undefined) continue;
    const shown = typeof value === 'string' ? value : (JSON.stringify(value) ?? String(value));
    text += ` ${name}=${/^[^\s"=]+$/.test(shown) || typeof value !== 'string' ? shown : JSON.stringify(shown)}`;
  }
  return text;
}

/** Deep enough for what is logged; errors become what they say, secrets become `***`. */
function clean(fields: LogFields, hide: Hide, depth = 0): LogFields {
  const result: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(fields)) {
    result[name] = isSecretName(name) && typeof value === 'string' ? '***' : cleanValue(value, hide, depth);
  }
  return result;
}

function cleanValue(value: unknown, hide: Hide, depth: number): unknown {
  if (typeof value === 'string') return hide(value);
  if (typeof value === 'bigint') return value.toString();
  if (value instanceof EmdcError) return hide(`${value.message} [${value.code}]`);
  if (value instanceof Error) return hide(value.message);
  if (value instanceof Map) return clean(Object.fromEntries(value), hide, depth + 1);
  if (typeof value !== 'object' || value === null) return value;
  if (depth > 3) return '…';
  if (Array.isArray(value)) return value.slice(0, 100).map((item) => cleanValue(item, hide, depth + 1));
  return clean(value as LogFields, hide, depth + 1);
}
