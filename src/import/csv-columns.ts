// Finds out what the columns of a CSV file hold, from its first line.

import { open } from 'node:fs/promises';
import { EmdcError } from '../model/errors.js';

export interface Columns {
  readonly time: number;
  readonly meter: number;
  /** The readings of one line; a `unit` that the file does not tell is null. */
  readings(fields: readonly string[]): readonly Cell[];
}

export interface Cell {
  readonly metric: string;
  readonly value: string;
  readonly unit: string | null;
}

/** Columns that `--map-columns` can name. */
export const csvColumns = ['time', 'meter', 'metric', 'value', 'unit'] as const;

/** Throws an EmdcError `csv-columns` that names what is missing. */
export function columnsOf(
  header: readonly string[],
  { file, headers }: { readonly file: string; readonly headers: ReadonlyMap<string, string> },
): Columns {
  const names = header.map((name) => name.trim());
  const find = (column: string): number => {
    const wanted = headers.get(column) ?? column;
    const exact = names.indexOf(wanted);
    return exact >= 0 ? exact : names.findIndex((name) => name.toLowerCase() === wanted.toLowerCase());
  };
  const [time = -1, meter = -1, metric = -1, value = -1, unit = -1] = csvColumns.map(find);
  const wide = metric < 0 && value < 0;
  const needed = wide ? (['time', 'meter'] as const) : (['time', 'meter', 'metric', 'value'] as const);
  const absent = needed.filter((column) => find(column) < 0).map((column) => headers.get(column) ?? column);
  if (absent.length > 0) {
    throw new EmdcError({
      code: 'csv-columns',
      message: `${file}: no column ${absent.join(', ')} among ${names.join(', ')}`,
      hint: 'Expected the columns time, meter, metric, value, or time, meter and one column per metric; name others with --map-columns time=…,meter=…,metric=…,value=…',
    });
  }
  if (!wide) {
    return {
      time,
      meter,
      readings: (fields) => [
        {
          metric: (fields[metric] ?? '').trim(),
          value: fields[value] ?? '',
          unit: unit < 0 ? null : (fields[unit] ?? '').trim(),
        },
      ],
    };
  }
  const metrics = names.flatMap((name, index) =>
    index === time || index === meter || index === unit || name === '' ? [] : [{ name, index }],
  );
  return {
    time,
    meter,
    readings: (fields) => metrics.map(({ name, index }) => ({ metric: name, value: fields[index] ?? '', unit: null })),
  };
}

/** The separator that the file's first line has most of. */
export async function separatorOf(file: string): Promise<string> {
  const handle = await open(file);
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(4096), 0, 4096, 0);
    const [first = ''] = buffer.toString('utf8', 0, bytesRead).split(/[\r\n]/, 1);
    const count = (separator: string) => first.split(separator).length;
    return [',', ';', '\t'].reduce((best, separator) => (count(separator) > count(best) ? separator : best));
  } finally {
    await handle.close();
  }
}
