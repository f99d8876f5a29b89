import { storeContract } from '../contract/store.js';
import { makeMysqlDatabase, skipMysql } from './server-databases.js';

storeContract('MySQL or MariaDB', {
  skip: skipMysql,
  make: makeMysqlDatabase,
  ms: (column) => `CAST(ROUND(UNIX_TIMESTAMP(${column}) * 1000) AS SIGNED)`,
});
