// One line for many meters: 30 meters that come online at a start, or 15 behind a gateway that goes away, say the same thing
// within a moment. Such messages are held for a second and become one line with the meters' names.

import type { LogFields, LogLevel } from '../model/log.js';

export interface Entry {
  readonly level: LogLevel;
  readonly message: string;
  readonly fields: LogFields;
}

/** Messages about one meter each, with the fields that must be equal for one line. */
const FOLDED: Readonly<Record<string, readonly string[]>> = {
  'meter online': [],
  'meter offline': ['host', 'port', 'why'],
  'meter online again': ['host', 'port'],
};
const HELD_MS = 1000;
const SHOWN_METERS = 10;

export class Folder {
  readonly #write: (entry: Entry) => void;
  readonly #held = new Map<string, Entry[]>();
  #timer: NodeJS.Timeout | null = null;

  constructor(write: (entry: Entry) => void) {
    this.#write = write;
  }

  /** Writes the entry, at once or as part of one a second later. */
  add(entry: Entry): void {
    const same = FOLDED[entry.message];
    if (same === undefined) {
      this.#write(entry);
      return;
    }
    const key = JSON.stringify([entry.message, ...same.map((name) => entry.fields[name])]);
    const held = this.#held.get(key);
    if (held) held.push(entry);
    else this.#held.set(key, [entry]);
    this.#timer ??= setTimeout(() => this.flush(), HELD_MS).unref();
  }

  /** Writes what is held. */
  flush(): void {
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = null;
    const groups = [...this.#held.values()];
    this.#held.clear();
    for (const group of groups) this.#write(fold(group));
  }
}

/** One entry for all: fields with the same value in each stay, `meter` becomes `count` and `meters`. */
function fold(entries: readonly Entry[]): Entry {
  const [first] = entries as readonly [Entry, ...Entry[]];
  if (entries.length === 1) return first;
  const common = Object.entries(first.fields).filter(
    ([name, value]) => name !== 'meter' && entries.every(({ fields }) => fields[name] === value),
  );
  const names = entries.map(({ fields }) => String(fields['meter']));
  const more = names.length > SHOWN_METERS ? [`and ${names.length - SHOWN_METERS} more`] : [];
  const meters = [...names.slice(0, SHOWN_METERS), ...more].join(', ');
  return { ...first, fields: { ...Object.fromEntries(common), count: entries.length, meters } };
}
