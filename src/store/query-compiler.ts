// Prisma's query compiler, started when a query has to be compiled and not, as Prisma does, with the connection: it takes
// 15 MB of memory that is not got back, and 60 ms. SQL needs none, and a collector asks nothing else day by day.
// prisma/generate.mjs puts it into the generated clients.

import { readFileSync } from 'node:fs';

interface Compiler {
  compile(request: string): unknown;
  compileBatch(request: string): unknown;
  free(): void;
}

/** Prisma's module around the compiler's exports. */
interface Runtime {
  readonly QueryCompiler: new (options: unknown) => Compiler;
  __wbg_set_wasm(exports: unknown): void;
}

export interface CompilerFiles {
  readonly runtime: Runtime;
  /** Where the module lies whose only text is the compiler in base64. */
  readonly wasm: () => string;
  /** Under which it imports the runtime. */
  readonly importName: string;
}

/** The part of it that is needed here; TypeScript declares it for browsers only. */
const { Module, Instance } = (
  globalThis as unknown as {
    WebAssembly: {
      Module: new (bytes: Uint8Array) => unknown;
      Instance: new (
        module: unknown,
        imports: object,
      ) => { readonly exports: { readonly __wbindgen_start: () => void } };
    };
  }
).WebAssembly;

/** Prisma instantiates what it is given here and calls its start: a module of one function that does nothing. */
const NOTHING = Uint8Array.of(
  ...[0, 97, 115, 109, 1, 0, 0, 0, 1, 4, 1, 96, 0, 0, 3, 2, 1, 0, 7, 20, 1, 16],
  ...Buffer.from('__wbindgen_start'),
  ...[0, 0, 10, 4, 1, 2, 0, 11],
);

/** As Prisma's configuration takes it. */
export function lateCompiler(files: CompilerFiles) {
  /** One for all clients of the provider, as the runtime has room for one. */
  let started = false;

  class LateCompiler implements Compiler {
    readonly #options: unknown;
    #compiler: Compiler | null = null;

    constructor(options: unknown) {
      this.#options = options;
    }

    compile(request: string): unknown {
      return this.#started().compile(request);
    }

    compileBatch(request: string): unknown {
      return this.#started().compileBatch(request);
    }

    free(): void {
      this.#compiler?.free();
      this.#compiler = null;
    }

    #started(): Compiler {
      if (!started) startCompiler(files);
      started = true;
      this.#compiler ??= new files.runtime.QueryCompiler(this.#options);
      return this.#compiler;
    }
  }

  return {
    getRuntime: async () => ({ QueryCompiler: LateCompiler, __wbg_set_wasm: () => {} }),
    getQueryCompilerWasmModule: async () => new Module(NOTHING),
    importName: files.importName,
  };
}

function startCompiler({ runtime, wasm, importName }: CompilerFiles): void {
  const { exports } = new Instance(new Module(decoded(wasm())), { [importName]: runtime });
  runtime.__wbg_set_wasm(exports);
  exports.__wbindgen_start();
}

/** Not imported: modules stay in memory. */
function decoded(url: string): Uint8Array {
  const [, base64 = ''] = /"([^"]+)"/.exec(readFileSync(new URL(url), 'latin1')) ?? [];
  return Buffer.from(base64, 'base64');
}
