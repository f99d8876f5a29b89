// How the file of refusals looks: JSON that a person can read, and delete from.

import type { Refusal, RefusalReason, Span } from '../model/block.js';

export interface MeterRefusals {
  /** Of the device and the map that they were learned with. */
  readonly fingerprint: string;
  readonly refusals: readonly Refusal[];
}

interface FileRefusal extends Partial<Span> {
  readonly maxRegisters?: number;
  readonly since: string;
  readonly retryAt: string;
  readonly retries: number;
  readonly reason?: RefusalReason;
}

interface FileContent {
  readonly about: string;
  readonly meters: Readonly<
    Record<string, { readonly fingerprint: string; readonly refusals: readonly FileRefusal[] }>
  >;
}

const ABOUT = 'What meters refused, and when they are asked again. May be deleted: it is then learned anew.';

export function formatRefusals(entries: ReadonlyMap<string, MeterRefusals>): string {
  const meters = Object.fromEntries(
    [...entries].map(([name, { fingerprint, refusals }]) => [
      name,
      { fingerprint, refusals: refusals.map(fileRefusal) },
    ]),
  );
  const content: FileContent = { about: ABOUT, meters };
  return `${JSON.stringify(content, null, 2)}\n`;
}

function fileRefusal({ span, maxRegisters, since, retryAt, retries, reason }: Refusal): FileRefusal {
  return {
    ...(span ?? {}),
    ...(maxRegisters === null ? {} : { maxRegisters }),
    since: new Date(since).toISOString(),
    retryAt: new Date(retryAt).toISOString(),
    retries,
    ...(reason === undefined ? {} : { reason }),
  };
}

/** Throws where the text is not what formatRefusals writes. */
export function parseRefusals(text: string): Map<string, MeterRefusals> {
  const { meters } = JSON.parse(text) as FileContent;
  return new Map(
    Object.entries(meters).map(([name, { fingerprint, refusals }]) => [
      name,
      { fingerprint, refusals: refusals.map(parseRefusal) },
    ]),
  );
}

function parseRefusal(given: FileRefusal): Refusal {
  const { function: table, start, count, maxRegisters, retries, reason } = given;
  const since = Date.parse(given.since);
  const retryAt = Date.parse(given.retryAt);
  const isSize = Number.isInteger(maxRegisters) && Number(maxRegisters) > 0;
  const isSpan = Number.isInteger(start) && Number.isInteger(count) && Number(count) >= 0 && isTable(table);
  if (isSize === isSpan || Number.isNaN(since + retryAt) || !Number.isInteger(retries) || !isReason(reason)) {
    throw new Error(`not a refusal: ${JSON.stringify(given)}`);
  }
  const span = isSpan ? { function: table, start: Number(start), count: Number(count) } : null;
  const size = isSize ? Number(maxRegisters) : null;
  return { span, maxRegisters: size, since, retryAt, retries, ...(reason === undefined ? {} : { reason }) };
}

const isReason = (reason: RefusalReason | undefined): boolean =>
  reason === undefined || reason === 'exception' || reason === 'silence';

const isTable = (name: string | undefined): name is Span['function'] =>
  name === 'holding' || name === 'input' || name === 'coil' || name === 'discrete';
