// Keeps the table `calendar`: the local days of the configured time zone, from the first reading to a year ahead.

import { localDays } from './calendar.js';
import type { Db } from './db.js';

const DAY_MS = 86_400_000;
const AHEAD_MS = 400 * DAY_MS;
const SETTING = 'calendar.timezone';

/**
 * Adds the days that are missing between `oldest` (the first reading) and a year after `now`, both ms UTC. Where the zone was
 * changed in the configuration, days from the next one on are of the new zone. Resolves to until when nothing is to be done.
 */
export async function keepCalendar(
  db: Db,
  { timezone, oldest, now }: { readonly timezone: string; readonly oldest: number; readonly now: number },
): Promise<number> {
  const zone = await db.setting.findUnique({ where: { name: SETTING } });
  if (zone && zone.value !== timezone) await db.calendar.deleteMany({ where: { starts: { gt: new Date(now) } } });
  const [first, last] = await Promise.all([
    db.calendar.findFirst({ orderBy: { starts: 'asc' } }),
    db.calendar.findFirst({ orderBy: { starts: 'desc' } }),
  ]);
  const from = Math.min(oldest, now);
  const spans: (readonly [from: number, until: number])[] =
    first && last
      ? [
          [from, first.starts.getTime()],
          [last.ends.getTime(), now + AHEAD_MS],
        ]
      : [[from, now + AHEAD_MS]];
  const known = new Set((await db.calendar.findMany({ select: { day: true } })).map(({ day }) => day));
  const days = spans.flatMap(([starts, ends]) => (starts < ends ? localDays(timezone, starts, ends) : []));
  const data = days
    .filter(({ day }) => !known.has(day))
    .map(({ day, month, starts, ends }) => ({
      day,
      month,
      // After a change of zone the first new day begins where the last old one ended.
      starts: new Date(
        last && starts < last.ends.getTime() && ends > last.ends.getTime() ? last.ends.getTime() : starts,
      ),
      ends: new Date(ends),
    }));
  if (data.length > 0) await db.calendar.createMany({ data });
  const setting = { name: SETTING, value: timezone };
  await db.setting.upsert({ where: { name: SETTING }, create: setting, update: setting });
  return now + AHEAD_MS / 2;
}
