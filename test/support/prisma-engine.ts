// Prisma's schema engine in this process, for tests only: the WebAssembly that the package `prisma` carries, driven through
// adapters instead of the engine's own connections, which would need a binary to be downloaded.

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import {
  bindMigrationAwareSqlAdapterFactory,
  type SqlDriverAdapter,
  type SqlMigrationAwareDriverAdapterFactory,
} from '@prisma/driver-adapter-utils';
import { packageRoot } from '../../src/model/paths.js';
import { readMigrations } from '../../src/store/migrate.js';

/** Has the glue that the package `prisma` lacks; of the same version, or the engine does not start. */
const ENGINE = '@prisma/schema-engine-wasm';
const require = createRequire(import.meta.url);

export interface Diagnosis {
  readonly history: { readonly diagnostic: string } | null;
  readonly failedMigrationNames: readonly string[];
  readonly editedMigrationNames: readonly string[];
  readonly hasMigrationsTable: boolean;
}

export interface DevAction {
  readonly tag: 'createMigration' | 'reset';
  readonly reason?: string;
}

export interface MigrateEngine {
  /** What `prisma migrate status` looks at. */
  diagnose(): Promise<Diagnosis>;
  /** What `prisma migrate dev` would do: go on with a new migration, or reset, for a reason such as drift. */
  devDiagnostic(): Promise<DevAction>;
  /** `prisma migrate deploy`, of all migrations or the first few; names of what it applied. */
  apply(count?: number): Promise<readonly string[]>;
  close(): Promise<void>;
}

interface Glue {
  __wbg_set_wasm(exports: unknown): void;
  readonly SchemaEngine: {
    new: (options: object, log: (line: string) => void, adapter: object) => Promise<RawEngine>;
  };
}

interface RawEngine {
  devDiagnostic(input: object): Promise<{ readonly action: DevAction }>;
  diagnoseMigrationHistory(input: object): Promise<Diagnosis>;
  applyMigrations(input: object): Promise<{ readonly appliedMigrationNames: readonly string[] }>;
  free(): void;
}

export async function startEngine(options: {
  readonly dialect: 'sqlite' | 'postgresql';
  readonly schema: string;
  readonly connect: () => Promise<SqlDriverAdapter>;
  /** To an empty database of its own, each time. */
  readonly connectToShadow: () => Promise<SqlDriverAdapter>;
}): Promise<MigrateEngine> {
  const { dialect, schema, connect, connectToShadow } = options;
  const opened: SqlDriverAdapter[] = [];
  const kept = (open: () => Promise<SqlDriverAdapter>) => async () => {
    const adapter = await open();
    opened.push(adapter);
    return adapter;
  };
  const factory: SqlMigrationAwareDriverAdapterFactory = {
    provider: dialect === 'sqlite' ? 'sqlite' : 'postgres',
    adapterName: 'emdc-test',
    connect: kept(connect),
    connectToShadowDb: kept(connectToShadow),
  };
  glued ??= loadGlue();
  const { SchemaEngine } = await glued;
  const engine = await SchemaEngine.new(
    { datamodels: [['schema.prisma', schema]] },
    () => {},
    bindMigrationAwareSqlAdapterFactory(factory),
  );
  const input = (count?: number) => ({
    migrationsList: migrationsList(dialect, count),
    filters: { externalTables: [], externalEnums: [] },
  });
  return {
    diagnose: () => engine.diagnoseMigrationHistory({ ...input(), optInToShadowDatabase: false }),
    devDiagnostic: async () => (await engine.devDiagnostic(input())).action,
    apply: async (count) => (await engine.applyMigrations(input(count))).appliedMigrationNames,
    async close() {
      engine.free();
      for (const adapter of opened) await adapter.dispose().catch(() => {});
    },
  };
}

/** Node's types leave it to the browser's. */
const { WebAssembly: wasm } = globalThis as unknown as {
  readonly WebAssembly: {
    instantiate(bytes: Uint8Array, imports: object): Promise<{ instance: { exports: { __wbindgen_start(): void } } }>;
  };
};

/** Once: the glue keeps one engine's memory. */
let glued: Promise<Glue> | null = null;

async function loadGlue(): Promise<Glue> {
  // Where the engine leaves its last words when it panics.
  Object.assign(globalThis, {
    PRISMA_WASM_PANIC_REGISTRY: { set_message: (message: string) => console.error(message) },
  });
  const glue = (await import(`${ENGINE}/schema_engine_bg`)) as Glue;
  const bytes = readFileSync(
    require.resolve('prisma/package.json').replace('package.json', 'build/schema_engine_bg.wasm'),
  );
  const { instance } = await wasm.instantiate(bytes, { './schema_engine_bg.js': glue });
  glue.__wbg_set_wasm(instance.exports);
  instance.exports.__wbindgen_start();
  return glue;
}

function migrationsList(dialect: 'sqlite' | 'postgresql', count?: number): object {
  const folder = `${packageRoot}prisma/migrations/${dialect}`;
  return {
    baseDir: folder,
    lockfile: {
      path: 'migration_lock.toml',
      content: readFileSync(`${folder}/migration_lock.toml`, 'utf8'),
    },
    shadowDbInitScript: '',
    migrationDirectories: readMigrations(dialect)
      .slice(0, count)
      .map(({ name, sql }) => ({
        path: name,
        migrationFile: { path: 'migration.sql', content: { tag: 'ok', value: sql } },
      })),
  };
}
