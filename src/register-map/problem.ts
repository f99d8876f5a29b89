// Collects what is wrong with a map, each problem with its rule, its cell and, where the mending is mechanical, the fix.

import { InvalidInput, type Problem } from '../model/errors.js';
import { type RuleName, rules } from './rules.js';

/** Makes the cell hold this value, or takes the rows out. */
export type Fix =
  | { readonly type: 'set'; readonly cell: string; readonly value: string | number }
  | { readonly type: 'remove-rows'; readonly first: number; readonly last: number };

export interface MapProblem extends Problem {
  readonly rule: RuleName;
  /** What `emdc check --fix` does about it; null: only a person can tell. */
  readonly fix: Fix | null;
}

export interface ProblemInit {
  /** Null: the whole sheet. */
  readonly cell: string | null;
  readonly value: string | number | boolean | null;
  readonly expected: string;
  readonly fix?: Fix;
}

export class Problems {
  readonly list: MapProblem[] = [];
  readonly #file: string;
  readonly #sheet: string;

  /** `sheet` is empty for a .csv file, whose cells then stand alone: `F7`. */
  constructor(file: string, sheet: string) {
    this.#file = file;
    this.#sheet = sheet;
  }

  add(rule: RuleName, { cell, value, expected, fix }: ProblemInit): void {
    const sheet = this.#sheet;
    this.list.push({
      severity: rules[rule].severity,
      rule,
      file: this.#file,
      place: cell === null ? sheet || 'sheet' : sheet === '' ? cell : `${sheet}!${cell}`,
      value: value === null ? null : String(value),
      expected,
      fix: fix ?? null,
    });
  }

  /** Row by row, in a row from left to right. */
  byPlace(): MapProblem[] {
    const order = this.list.map((problem) => ({ problem, at: readingOrder(problem.place) }));
    return order.sort((a, b) => a.at - b.at).map(({ problem }) => problem);
  }

  get hasErrors(): boolean {
    return this.list.some((problem) => problem.severity === 'error');
  }
}

function readingOrder(place: string): number {
  const [, letters = '', row = '0'] = /([A-Z]{1,3})(\d+)(?::[A-Z]+\d+)?$/.exec(place) ?? [];
  const column = [...letters].reduce((n, letter) => n * 26 + letter.charCodeAt(0) - 64, 0);
  return Number(row) * 20_000 + column;
}

/** Throws InvalidInput with every problem, errors first, where one of them is an error. */
export function refuseErrors(file: string, problems: readonly Problem[]): void {
  const errors = problems.filter((problem) => problem.severity === 'error');
  if (errors.length === 0) return;
  const warnings = problems.filter((problem) => problem.severity === 'warning');
  throw new InvalidInput(`register map ${file} cannot be used`, [...errors, ...warnings]);
}
