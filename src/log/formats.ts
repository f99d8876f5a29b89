// How a log line looks: text for people, `<N>` priorities for the journal, one JSON object for machines. Secrets are hidden
// in all of them.

import winston from 'winston';
import { EmdcError } from '../model/errors.js';
import type { LogFields, LogLevel, LogSettings } from '../model/log.js';
import { isSecretName, redact } from '../model/redact.js';

export type Style = 'terminal' | 'text' | 'journal' | 'json';

/** Of syslog(3), as sd-daemon(3) reads them at the start of a line. */
const priorities: Readonly<Record<LogLevel, number>> = { error: 3, warn: 4, info: 6, debug: 7 };
const colours: Readonly<Record<LogLevel, string>> = { error: 'red', warn: 'yellow', info: 'green', debug: 'gray' };

/** What suits the place where lines go. systemd sets JOURNAL_STREAM, people set NO_COLOR. */
export function styleOf(format: LogSettings['format'], isTerminal: boolean, env: NodeJS.ProcessEnv): Style {
  const isJournal = env['JOURNAL_STREAM'] !== undefined && !isTerminal;
  if (format === 'json' || (format === 'auto' && !isTerminal && !isJournal)) return 'json';
  if (isJournal) return 'journal';
  return isTerminal && env['NO_COLOR'] === undefined ? 'terminal' : 'text';
}

/** winston's format for a style. */
export function lineFormat(style: Style): winston.Logform.Format {
  const { combine, timestamp, colorize, json, printf } = winston.format;
  switch (style) {
    case 'json':
      return combine(timestamp({ alias: 'time' }), flatten(), json());
    case 'journal':
      return printf((info) => textOf(info).replaceAll(/^/gm, `<${priorities[info.level as LogLevel]}>`));
    case 'text':
      return combine(
        timestamp(),
        printf((info) => `${info['timestamp']} ${info.level.padEnd(5)} ${indent(textOf(info))}`),
      );
    case 'terminal':
      return combine(
        timestamp({ format: () => new Date().toISOString().slice(11, 23) }),
        padLevels(),
        colorize({ level: true, colors: colours }),
        printf((info) => `\x1b[90m${info['timestamp']}\x1b[0m ${info.level} ${indent(textOf(info))}`),
      );
  }
}

/** For JSON: the fields beside time, level and message, which no field can replace. */
const flatten = winston.format(({ fields, timestamp: _timestamp, time, level, message, ...symbols }) => ({
  ...symbols,
  time,
  level,
  message,
  ...without(fields as LogFields, ['time', 'level', 'message']),
}));

const padLevels = winston.format((info) => ({ ...info, level: info.level.padEnd(5) }));

const indent = (text: string): string => text.replaceAll('\n', '\n  ');

const without = (fields: LogFields, names: readonly string[]): LogFields =>
  Object.fromEntries(Object.entries(fields).filter(([name]) => !names.includes(name)));

/** `meter offline meter=site/a why="timeout after 1000 ms"` */
function textOf(info: winston.Logform.TransformableInfo): string {
  let text = String(info.message);
  for (const [name, value] of Object.entries(info['fields'] as LogFields)) {
    if (value === undefined) continue;
    const shown = typeof value === 'string' ? value : (JSON.stringify(value) ?? String(value));
    text += ` ${name}=${/^[^\s"=]+$/.test(shown) || typeof value !== 'string' ? shown : JSON.stringify(shown)}`;
  }
  return text;
}

/** Hides the secrets, their URL-encoded forms, and what looks like one (model/redact.ts), in message and fields. */
export function hideSecrets(secrets: readonly string[]): winston.Logform.Format {
  // Shorter ones would blot out innocent text.
  const long = secrets.flatMap((secret) => [secret, encodeURIComponent(secret)]).filter((secret) => secret.length >= 4);
  const hide: Hide = (text) => long.reduce((rest, secret) => rest.replaceAll(secret, '***'), redact(text));
  return winston.format((info) => ({
    ...info,
    message: hide(String(info.message)),
    fields: clean(info['fields'] as LogFields, hide),
  }))();
}

type Hide = (text: string) => string;

/** Deep enough for what is logged; errors become their messages, secrets become `***`. */
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
