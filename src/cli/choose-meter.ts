// Which meter of a configuration a command is about.

import { EmdcError } from '../model/errors.js';
import type { Meter } from '../model/meter.js';

/** Throws EmdcError `which-meter`, listing the names there are. */
export function chooseMeter(meters: readonly Meter[], name: string | undefined): Meter {
  const [first, ...others] = name === undefined ? meters : meters.filter((meter) => meter.name === name);
  if (first !== undefined && (name !== undefined || others.length === 0)) return first;
  throw new EmdcError({
    code: 'which-meter',
    message:
      name === undefined
        ? `the configuration has ${meters.length} meters`
        : `no meter is called ${JSON.stringify(name)}`,
    hint: `name one with --meter: ${meters.map((meter) => meter.name).join(', ')}`,
  });
}
