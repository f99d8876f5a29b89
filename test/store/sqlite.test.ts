import { isolateContract } from '../contract/isolate.js';
import { migrateContract } from '../contract/migrate.js';
import { type ContractOptions, storeContract } from '../contract/store.js';
import { upkeepContract } from '../contract/upkeep.js';
import { makeSqliteDatabase } from './sqlite-database.js';

const options: ContractOptions = { make: async () => makeSqliteDatabase(), ms: (column) => column };

storeContract('SQLite', options);
upkeepContract('SQLite', options);
isolateContract('SQLite', options);
migrateContract('SQLite', {
  ...options,
  dialect: 'sqlite',
  columns: (table) => `SELECT name, NOT "notnull", type FROM pragma_table_info('${table}')`,
  types: { Int: /^integer$/, Float: /^real$/, String: /^text$/, DateTime: /^datetime$/, Boolean: /^boolean$/ },
});
