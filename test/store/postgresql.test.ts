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
