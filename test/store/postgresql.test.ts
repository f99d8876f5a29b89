import { storeContract } from '../contract/store.js';
import { makePostgresDatabase, skipPostgres } from './server-databases.js';

storeContract('PostgreSQL', {
  skip: skipPostgres,
  make: makePostgresDatabase,
  ms: (column) => `(extract(epoch FROM ${column}) * 1000)::bigint`,
});
