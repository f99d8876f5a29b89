import { storeContract } from '../contract/store.js';
import { makeSqliteDatabase } from './sqlite-database.js';

storeContract('SQLite', { make: async () => makeSqliteDatabase(), ms: (column) => column });
