import { isolateContract } from '../contract/isolate.js';
import { migrateContract } from '../contract/migrate.js';
import { type ContractOptions, storeContract } from '../contract/store.js';
import { upkeepContract } from '../contract/upkeep.js';
import { makePostgresDatabase, skipPostgres } from './server-databases.js';

const options: ContractOptions = {
  skip: skipPostgres,
  make: makePostgresDatabase,
  ms: (column) => `(extract(epoch FROM ${column}) * 1000)::bigint`,
};

storeContract('PostgreSQL', options);
upkeepContract('PostgreSQL', options);
isolateContract('PostgreSQL', options);
migrateContract('PostgreSQL', {
  ...options,
  dialect: 'postgresql',
  columns: (table) =>
    `SELECT column_name, (is_nullable = 'YES')::int, data_type || coalesce('(' || datetime_precision || ')', '')
     FROM information_schema.columns WHERE table_schema = 'public' AND table_name = '${table}' ORDER BY ordinal_position`,
  types: {
    Int: /^integer$/,
    Float: /^double precision$/,
    String: /^text$/,
    DateTime: /^timestamp with time zone\(3\)$/,
    Boolean: /^boolean$/,
  },
});
