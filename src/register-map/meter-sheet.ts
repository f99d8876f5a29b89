// The optional sheet `Meter` of a workbook: what holds for the meter as a whole, one setting a row, name and value.

import type { MapIdentity, MapLimits } from '../model/meter.js';
import { isTakeable, toNumber } from './cells.js';
import { plain } from './columns.js';
import { Problems } from './problem.js';
import type { Cell, Workbook } from './workbook.js';

export interface MeterSheet extends MapLimits {
  /**
   * Added to every address of the map. Where the SunSpec model stands; -1 for a list that counts registers from 1; -40001
   * for one in 40001-notation. Null: nothing said, and addresses that look like 40001-notation are questioned.
   */
  readonly baseAddress: number | null;
}

interface Setting {
  readonly header: string;
  readonly least: number;
  readonly most: number;
  readonly says: string;
}

export const meterSettings = {
  maxRegisters: {
    header: 'Max Registers',
    least: 1,
    most: 125,
    says: 'The most registers that the meter answers in one request.',
  },
  maxGap: {
    header: 'Max Gap',
    least: 0,
    most: 124,
    says: 'The most unwanted registers to read over; 0 for a meter that refuses any register it does not have.',
  },
  pauseMs: {
    header: 'Pause ms',
    least: 0,
    most: 60_000,
    says: 'Milliseconds that the meter needs between two requests.',
  },
  connectDelayMs: {
    header: 'Connect Delay ms',
    least: 0,
    most: 60_000,
    says: 'Milliseconds that the meter needs after connecting before it answers.',
  },
  baseAddress: {
    header: 'Base Address',
    least: -465_536,
    most: 65_535,
    says: 'Added to every address: -1 for a list that counts registers from 1, -40001 for one in 40001-notation.',
  },
} as const satisfies Record<keyof MeterSheet, Setting>;

/** Names of metrics that are read once and tell which device answers. */
export const identitySettings = {
  serialNumber: { header: 'Serial Number', says: 'Name of the metric, read once, that holds the serial number.' },
  model: { header: 'Model', says: 'Name of the metric, read once, that holds the model.' },
  firmware: { header: 'Firmware', says: 'Name of the metric, read once, that holds the firmware version.' },
} as const satisfies Record<keyof MapIdentity, { readonly header: string; readonly says: string }>;

const identityKeys = Object.keys(identitySettings) as (keyof MapIdentity)[];

export const meterSheetName = 'Meter';

const settingKeys = Object.keys(meterSettings) as (keyof MeterSheet)[];
const nothingSaid: MeterSheet = {
  maxRegisters: null,
  maxGap: null,
  pauseMs: null,
  connectDelayMs: null,
  baseAddress: null,
};

export interface MeterSheetResult {
  readonly settings: MeterSheet;
  readonly identity: MapIdentity;
  /** Cells of the identity's names, by name, for problems with them. */
  readonly identityCells: ReadonlyMap<string, string>;
  readonly problems: Problems;
}

export function readMeterSheet(book: Workbook, file: string): MeterSheetResult {
  const sheet = book.sheets.find((candidate) => plain(candidate.name) === plain(meterSheetName));
  const problems = new Problems(file, sheet?.name ?? meterSheetName);
  const settings: Partial<Record<keyof MeterSheet, number>> = {};
  const identity: { -readonly [Key in keyof MapIdentity]: string | null } = {
    serialNumber: null,
    model: null,
    firmware: null,
  };
  const identityCells = new Map<string, string>();
  for (const cells of sheet?.rows.values() ?? []) {
    const name = cells.get(0);
    if (name === undefined || plain(String(name.value)) === 'setting') continue;
    const key = settingKeys.find((candidate) => plain(meterSettings[candidate].header) === plain(String(name.value)));
    const identityKey = identityKeys.find(
      (candidate) => plain(identitySettings[candidate].header) === plain(String(name.value)),
    );
    if (identityKey !== undefined) {
      const cell = cells.get(1);
      if (cell === undefined || !isTakeable(cell, problems)) continue;
      identity[identityKey] = String(cell.value);
      identityCells.set(String(cell.value), cell.ref);
      continue;
    }
    if (key === undefined) {
      const known = [...Object.values(meterSettings), ...Object.values(identitySettings)]
        .map(({ header }) => header)
        .join(', ');
      problems.add('unknown-setting', { cell: name.ref, value: name.value, expected: `expected one of ${known}` });
      continue;
    }
    const number = readSetting(meterSettings[key], cells.get(1), problems);
    if (number !== undefined) settings[key] = number;
  }
  return { settings: { ...nothingSaid, ...settings }, identity, identityCells, problems };
}

function readSetting({ least, most }: Setting, cell: Cell | undefined, problems: Problems): number | undefined {
  if (cell === undefined || !isTakeable(cell, problems)) return undefined;
  const what = `a whole number from ${least} to ${most}`;
  const number = toNumber(cell, { whole: true, textIsNormal: true, what }, problems);
  if (number === undefined || (number >= least && number <= most)) return number;
  problems.add('bad-setting', { cell: cell.ref, value: cell.value, expected: `expected ${what}` });
  return undefined;
}
