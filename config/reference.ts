// The tables of error codes and log messages in the documentation, from the catalogues that the program uses.

import { errorCodes, httpProblems } from '../src/model/codes.js';
import { messages } from '../src/model/messages.js';

const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');

export const errorTable = (): string =>
  table(
    ['code', 'HTTP status', 'meaning'],
    [
      ...Object.entries(errorCodes).map(([code, meaning]) => [`\`${code}\``, '', meaning]),
      ...Object.entries(httpProblems).map(([code, { status, meaning }]) => [`\`${code}\``, String(status), meaning]),
    ],
  );

export const logTable = (): string =>
  table(
    ['message', 'level', 'meaning'],
    Object.entries(messages).map(([text, { level, meaning }]) => [`\`${text}\``, [level].flat().join(', '), meaning]),
  );
