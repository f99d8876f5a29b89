// What the databases say differently when rows are written or deleted in bulk.

import type { Dialect } from './store.js';

/** Times are whole numbers and go into the text. */
export function bulkSql(dialect: Dialect) {
  switch (dialect) {
    case 'sqlite':
      return {
        time: (ms: number) => `${ms}`,
        tables: ['reading_recent', 'reading_history'],
        ignoring: () => 'ON CONFLICT DO NOTHING',
        marking: 'ON CONFLICT (meter_id, bucket) DO UPDATE SET readings = 1',
      };
    case 'postgresql':
      return {
        time: (ms: number) => `to_timestamp(${ms} / 1000.0)`,
        tables: ['reading'],
        ignoring: () => 'ON CONFLICT DO NOTHING',
        marking: 'ON CONFLICT (meter_id, bucket) DO UPDATE SET readings = 1',
      };
    case 'mysql':
      return {
        time: (ms: number) => `TIMESTAMPADD(MICROSECOND, ${ms} * 1000, '1970-01-01')`,
        tables: ['reading'],
        ignoring: (column: string, itself: string) => `ON DUPLICATE KEY UPDATE ${column} = ${itself}`,
        marking: 'ON DUPLICATE KEY UPDATE readings = 1',
      };
  }
}
