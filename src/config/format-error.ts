// A value that is not what it should be. Thrown by the formats, gathered by the loader, never seen outside config/.

export class Expected extends Error {
  /** @param expected What to write instead, as the end of a sentence: `a whole number, 1–125`. */
  constructor(expected: string) {
    super(expected);
    this.name = 'Expected';
  }
}

/** ` (did you mean "http"?)`, or nothing where no name is near. */
export function didYouMean(written: string, names: Iterable<string>): string {
  const wanted = written.slice(0, 100).toLowerCase().replaceAll(/[-_]/g, '');
  let best: { name: string; distance: number } | undefined;
  for (const name of names) {
    const distance = editDistance(wanted, name.toLowerCase());
    if (
      distance <= Math.max(1, Math.floor(name.length / 3)) &&
      distance < (best?.distance ?? Number.POSITIVE_INFINITY)
    ) {
      best = { name, distance };
    }
  }
  return best ? ` (did you mean "${best.name}"?)` : '';
}

/** Insertions, deletions, replacements and swaps of neighbours. */
function editDistance(a: string, b: string): number {
  const rows: number[][] = [Array.from({ length: b.length + 1 }, (_, j) => j)];
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1;
      let least = Math.min(at(rows, i - 1, j) + 1, (row[j - 1] ?? 0) + 1, at(rows, i - 1, j - 1) + same);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        least = Math.min(least, at(rows, i - 2, j - 2) + 1);
      }
      row.push(least);
    }
    rows.push(row);
  }
  return at(rows, a.length, b.length);
}

const at = (rows: readonly (readonly number[])[], i: number, j: number): number => rows[i]?.[j] ?? 0;
