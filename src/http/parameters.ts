// Query parameters, read strictly: a misspelt, repeated, fractional or excessive one is an error, and all of them are
// reported in one answer.

import type { Request } from 'express';
import { HttpProblem } from './problem.js';

export interface ParameterProblem {
  readonly parameter: string;
  readonly value: string;
  readonly expected: string;
}

export class Parameters {
  readonly #query: URLSearchParams;
  readonly #problems: ParameterProblem[] = [];

  constructor(request: Request, known: readonly string[]) {
    const mark = request.originalUrl.indexOf('?');
    this.#query = new URLSearchParams(mark < 0 ? '' : request.originalUrl.slice(mark + 1));
    for (const parameter of new Set(this.#query.keys())) {
      if (known.includes(parameter)) continue;
      this.problem(parameter, this.#query.get(parameter) ?? '', `one of the parameters ${known.join(', ')}`);
    }
  }

  problem(parameter: string, value: string, expected: string): void {
    this.#problems.push({ parameter, value: value.slice(0, 200), expected });
  }

  /** null: not given. */
  one(name: string): string | null {
    const values = this.#query.getAll(name);
    if (values.length > 1) this.problem(name, values.join(', '), 'given once');
    return values[0] ?? null;
  }

  /** null: not given. */
  many(name: string): readonly string[] | null {
    const values = this.#query.getAll(name);
    return values.length === 0 ? null : [...new Set(values)];
  }

  whole(name: string, bounds: { readonly fallback: number; readonly min: number; readonly max: number }): number {
    const text = this.one(name);
    if (text === null) return bounds.fallback;
    const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
    if (value >= bounds.min && value <= bounds.max) return value;
    this.problem(name, text, `a whole number from ${bounds.min} to ${bounds.max}`);
    return bounds.fallback;
  }

  /** Throws once for all problems found so far. */
  check(): void {
    if (this.#problems.length === 0) return;
    const problems = this.#problems.slice(0, 50);
    throw new HttpProblem({
      code: 'bad-parameter',
      message: problems.map((p) => `${p.parameter}: ${JSON.stringify(p.value)}, expected ${p.expected}`).join('; '),
      members: { problems },
    });
  }
}
