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
