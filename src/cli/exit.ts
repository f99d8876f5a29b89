// How a command ends: exit codes, and an error as a person at a terminal wants it. No stack traces, except for errors that
// nobody foresaw when EMDC_TRACE is set, since those are for a bug report.

import process from 'node:process';
import { EmdcError, InvalidInput, messageOf } from '../model/errors.js';

export const done = 0;
export const failed = 1;
/** Wrong usage or configuration; nothing has been started or changed. */
export const usage = 2;

export function explainError(error: unknown): { readonly text: string; readonly exitCode: number } {
  if (error instanceof InvalidInput) return { text: withHint(error.message, error.hint), exitCode: usage };
  if (error instanceof EmdcError) {
    return { text: withHint(`${error.message} [${error.code}]`, error.hint), exitCode: failed };
  }
  const trace = process.env['EMDC_TRACE'] && error instanceof Error ? error.stack : undefined;
  const hint = 'this is not a foreseen error: please report it with what EMDC_TRACE=1 adds to this message';
  return { text: trace ?? withHint(`unexpected: ${messageOf(error)}`, hint), exitCode: failed };
}

const withHint = (message: string, hint: string): string =>
  `emdc: ${message}${hint === '' ? '' : `\n  ${hint.replaceAll('\n', '\n  ')}`}`;
