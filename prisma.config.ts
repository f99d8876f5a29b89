// For Prisma's command line only; the program reads its own configuration. Generating clients needs no engine, but
// insists on having one: naming any program saves the download. Never for `migrate`, which would silently do nothing.

import process from 'node:process';
import { defineConfig } from 'prisma/config';

if (process.argv.includes('generate')) process.env['PRISMA_SCHEMA_ENGINE_BINARY'] ??= '/bin/true';

const url = process.env['DATABASE_URL'] ?? 'file:./data/emdc.db';
const provider = url.startsWith('postgres') ? 'postgresql' : url.startsWith('file:') ? 'sqlite' : 'mysql';

export default defineConfig({
  schema: `build/schema/${provider}/schema.prisma`,
  migrations: { path: `prisma/migrations/${provider}` },
  datasource: { url },
});
