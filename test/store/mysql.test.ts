import { isolateContract } from '../contract/isolate.js';
import { migrateContract } from '../contract/migrate.js';
import { type ContractOptions, storeContract } from '../contract/store.js';
import { upkeepContract } from '../contract/upkeep.js';
import { makeMysqlDatabase, skipMysql } from './server-databases.js';

const options: ContractOptions = {
  skip: skipMysql,
  make: makeMysqlDatabase,
  ms: (column) => `CAST(ROUND(UNIX_TIMESTAMP(${column}) * 1000) AS SIGNED)`,
};

storeContract('MySQL or MariaDB', options);
upkeepContract('MySQL or MariaDB', options);
isolateContract('MySQL or MariaDB', options);

migrateContract('MySQL or MariaDB', {
  ...options,
  dialect: 'mysql',
  columns: (table) =>
    `SELECT column_name, is_nullable = 'YES', column_type FROM information_schema.columns
     WHERE table_schema = DATABASE() AND table_name = '${table}' ORDER BY ordinal_position`,
  types: {
    Int: /^int/,
    Float: /^double$/,
    String: /^(varchar\(\d+\)|text)$/,
    DateTime: /^datetime\(3\)$/,
    Boolean: /^tinyint\(1\)$/,
  },
});
