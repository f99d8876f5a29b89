// Times as other collectors wrote them down: with an offset, or naive local times of a stated zone. Daylight saving is the
// zone's own (Intl), and what it makes ambiguous is said, not guessed silently.

/** `skipped` a local time that clocks never showed; taken with the offset before the change. `repeated` shown twice; taken as the first. */
export interface LocalTime {
  /** ms UTC. */
  readonly time: number;
  readonly note: 'skipped' | 'repeated' | null;
}

const PATTERN =
  /^\s*(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?)?\s*(Z|UTC|[+-]\d\d(?::?\d\d)?)?\s*$/i;

/** Reads times of one zone, in the order of the file quickly: the zone's offset is asked once an hour of data. */
export class LocalTimeReader {
  readonly #offsetOf: (utc: number) => number;
  #hour = Number.NaN;
  /** Offset of the whole local hour; null: it changes in or next to that hour. */
  #hourOffset: number | null = null;

  /** Throws a RangeError on a zone that is not in the IANA database. */
  constructor(timezone: string) {
    this.#offsetOf = zoneOffset(timezone);
  }

  /** null: no time. Fractions beyond milliseconds are cut off. */
  read(text: string): LocalTime | null {
    const match = PATTERN.exec(text);
    if (!match) return null;
    const [year, month, day, hour, minute, second] = match.slice(1, 7).map((part) => Number(part ?? 0)) as Six;
    const local =
      Date.UTC(year, month - 1, day, hour, minute, second) + Number((match[7] ?? '').padEnd(3, '0').slice(0, 3));
    if (month > 12 || hour > 23 || minute > 59 || second > 59 || new Date(local).getUTCDate() !== day) return null;
    const offset = match[8];
    if (offset !== undefined) return { time: local - offsetMs(offset), note: null };
    return this.#convert(local);
  }

  #convert(local: number): LocalTime {
    const hour = Math.floor(local / HOUR);
    if (hour !== this.#hour) {
      this.#hour = hour;
      const around = [-26, -1, 0, 2, 26].map((hours) => this.#offsetOf((hour + hours) * HOUR));
      this.#hourOffset = around.every((offset) => offset === around[0]) ? (around[0] as number) : null;
    }
    if (this.#hourOffset !== null) return { time: local - this.#hourOffset, note: null };
    const before = this.#offsetOf(local - DAY);
    const after = this.#offsetOf(local + DAY);
    const fits = [...new Set([local - before, local - after])].filter((utc) => utc + this.#offsetOf(utc) === local);
    if (fits.length === 0) return { time: local - before, note: 'skipped' };
    return { time: Math.min(...fits), note: fits.length > 1 ? 'repeated' : null };
  }
}

type Six = [number, number, number, number, number, number];

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

function offsetMs(text: string): number {
  if (/^(z|utc)$/i.test(text)) return 0;
  const digits = text.replace(/\D/g, '').padEnd(4, '0');
  const minutes = Number(digits.slice(0, 2)) * 60 + Number(digits.slice(2));
  return (text.startsWith('-') ? -minutes : minutes) * 60_000;
}

/** The zone's local time minus UTC at an instant, in ms. */
function zoneOffset(timezone: string): (utc: number) => number {
  const format = new Intl.DateTimeFormat('en-US', {
    timeZone: timezone,
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
    second: 'numeric',
  });
  return (utc) => {
    const parts = Object.fromEntries(format.formatToParts(utc).map(({ type, value }) => [type, Number(value)]));
    const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = parts;
    return Date.UTC(year, month - 1, day, hour, minute, second) - Math.floor(utc / 1000) * 1000;
  };
}
