import { type ContractOptions, storeContract } from '../contract/store.js';
import { upkeepContract } from '../contract/upkeep.js';
import { makeSqliteDatabase } from './sqlite-database.js';

const options: ContractOptions = { make: async () => makeSqliteDatabase(), ms: (column) => column };

storeContract('SQLite', options);
upkeepContract('SQLite', options);
