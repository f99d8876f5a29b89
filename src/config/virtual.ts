// Virtual meters: sums of some meters less sums of others, in SQL only.

import type { Problem } from '../model/errors.js';
import type { VirtualMeter } from './config.js';
import { didYouMean, Expected } from './format-error.js';
import { formats } from './formats.js';
import { problemAt, type Raw, type RawItem } from './source-value.js';

/** Adds to `problems`. `meters`: the names of the configured meters. */
export function buildVirtual(raws: readonly RawItem[], meters: readonly string[], problems: Problem[]): VirtualMeter[] {
  const taken = new Map(meters.map((name) => [name.toLowerCase(), 'a meter']));
  return raws.map((raw) => {
    const complain = (value: Raw, rule: string, expected: string) =>
      problems.push(problemAt(value, { rule, expected }));
    const keyOf = (key: string): Raw =>
      raw.keys.get(key) ?? { value: undefined, file: raw.file, place: raw.place.replace(/^\S+/, `$&.${key}`) };

    const nameRaw = keyOf('name');
    let name = '';
    try {
      name = formats.topicPrefix(nameRaw.value);
    } catch (error) {
      if (!(error instanceof Expected)) throw error;
      complain(nameRaw, 'value', `expected ${error.message}`);
    }
    const other = taken.get(name.toLowerCase());
    if (other !== undefined) complain(nameRaw, 'duplicate-name', `expected a name of its own: ${other} has this one`);
    if (name !== '') taken.set(name.toLowerCase(), nameRaw.place);

    const seen = new Set<string>();
    const members = (key: 'plus' | 'minus'): string[] => {
      const list = keyOf(key);
      if (list.value === undefined) return [];
      if (!Array.isArray(list.value)) {
        complain(list, 'shape', 'expected a list of names of meters');
        return [];
      }
      return list.value.flatMap((member: unknown) => {
        const written = { ...list, value: member };
        if (typeof member !== 'string' || !meters.includes(member)) {
          complain(written, 'unknown-meter', `expected the name of a meter${didYouMean(String(member), meters)}`);
          return [];
        }
        if (seen.has(member)) {
          complain(written, 'duplicate-name', 'expected each meter once, in plus or in minus');
          return [];
        }
        seen.add(member);
        return [member];
      });
    };
    const [plus, minus] = [members('plus'), members('minus')];
    if (!raw.keys.has('plus') && !raw.keys.has('minus'))
      complain(keyOf('plus'), 'value', 'expected a list of names of meters');
    return Object.freeze({ name, plus: Object.freeze(plus), minus: Object.freeze(minus) });
  });
}
