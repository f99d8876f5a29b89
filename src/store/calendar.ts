// The local days of a time zone as UTC instants: 23 and 25 hours long where clocks are changed, at half hours where a
// zone is. Pure.

export interface LocalDay {
  /** YYYY-MM-DD */
  readonly day: string;
  /** YYYY-MM */
  readonly month: string;
  /** ms UTC; `ends` is exclusive. */
  readonly starts: number;
  readonly ends: number;
}

const DAY_MS = 86_400_000;

/** The local days that overlap a span, in order; each begins where the one before it ends. */
export function localDays(timezone: string, from: number, until: number): LocalDay[] {
  const dayAt = localDayIn(timezone);
  const days: LocalDay[] = [];
  let starts = startOfDay(dayAt, from);
  while (starts < until) {
    const day = dayAt(starts);
    const ends = firstAfter(dayAt, day, starts);
    days.push({ day, month: day.slice(0, 7), starts, ends });
    starts = ends;
  }
  return days;
}

function localDayIn(timezone: string): (time: number) => string {
  const format = new Intl.DateTimeFormat('en-CA', {
    timeZone: timezone,
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
  });
  return (time) => format.format(time);
}

function startOfDay(dayAt: (time: number) => string, time: number): number {
  const day = dayAt(time);
  let from = time;
  // Half days, so that a day of 23 hours is not stepped over.
  while (dayAt(from) === day) from -= DAY_MS / 2;
  return firstAfter(dayAt, dayAt(from), from);
}

/** The first minute after `from` that is not on `day` any more. Time zones change at whole minutes. */
function firstAfter(dayAt: (time: number) => string, day: string, from: number): number {
  let [low, high] = [from, from + 3_600_000];
  while (dayAt(high) === day) [low, high] = [high, high + 3_600_000];
  while (high - low > 60_000) {
    const middle = low + Math.floor((high - low) / 120_000) * 60_000;
    if (dayAt(middle) === day) low = middle;
    else high = middle;
  }
  return high - (high % 60_000);
}
