// Upkeep.

import type { Upkeep } from './backend.js';
import type { Db } from './db.js';
import type { Retention } from './upkeep.js';

export function postgresqlUpkeep(_options: { readonly db: Db; readonly retention: Retention }): Upkeep {
  return async () => false;
}
