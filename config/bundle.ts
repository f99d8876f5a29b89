// Puts together what a gateway needs to run EMDC, and nothing else: the compiled program, register maps, migrations, sample
// configuration, and those files of node_modules that the program loads on this platform. Needs no network, only an
// installed and built working copy. `npm run bundle [-- --with-node]` leaves build/emdc-VERSION-PLATFORM.tar.gz; `--folder F`
// fills that folder instead.

import { execFileSync } from 'node:child_process';
import { chmodSync, cpSync, existsSync, mkdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';
import process from 'node:process';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { packageRoot, version } from '../src/model/paths.js';

interface Manifest {
  readonly name: string;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
  readonly peerDependenciesMeta?: Readonly<Record<string, { readonly optional?: boolean }>>;
}

const ownFiles = [
  'dist/src',
  'src/http/page',
  'prisma/migrations',
  'register-maps',
  'config',
  'README.md',
  'LICENSE',
  'package.json',
];

/** Of our own files and of node_modules alike: what is for developing and reading, not for running. */
const unwanted = /\.(map|ts|mts|cts|md|markdown|tsbuildinfo)$|(^|\/)(test|tests|docs|example|examples|\.github)$/i;

/** Prisma brings its compiler for five databases, in two sizes and two module systems, each 2–5 MB. */
const prismaRuntime = /^client\.js$|^query_compiler_small_bg\.(sqlite|postgresql|mysql)(\.wasm-base64)?\.mjs$/;

/** Fills `folder`, which must not exist. */
export function bundle(folder: string, { withNode = false }: { readonly withNode?: boolean } = {}): void {
  for (const name of ownFiles) {
    if (!existsSync(`${packageRoot}${name}`)) continue;
    cpSync(`${packageRoot}${name}`, join(folder, name), {
      recursive: true,
      filter: (path) => path.endsWith('.md') || !unwanted.test(path),
    });
  }
  for (const source of packagesToRun()) {
    cpSync(source, join(folder, relative(packageRoot, source)), {
      recursive: true,
      dereference: true,
      filter: (path) => isLicence(path) || isWanted(relative(source, path), source),
    });
  }
  mkdirSync(join(folder, 'bin'));
  writeFileSync(join(folder, 'bin/emdc'), launcher);
  chmodSync(join(folder, 'bin/emdc'), 0o755);
  if (withNode) cpSync(realpathSync(process.execPath), join(folder, 'bin/node'));
}

const launcher = `#!/bin/sh
here=$(dirname "$(readlink -f "$0")")
node=$here/node
[ -x "$node" ] || node=node
exec "$node" "$here/../dist/src/main.js" "$@"
`;

/** Folders of all packages that the program's dependencies need at run time; nested copies lie inside their parents' list too. */
function packagesToRun(): string[] {
  const found = new Set<string>();
  const visit = (from: string, isRoot: boolean): void => {
    const manifest = JSON.parse(readFileSync(join(from, 'package.json'), 'utf8')) as Manifest;
    const { dependencies = {}, optionalDependencies = {}, peerDependencies = {}, peerDependenciesMeta = {} } = manifest;
    const peers = isRoot ? [] : Object.keys(peerDependencies).filter((name) => !peerDependenciesMeta[name]?.optional);
    for (const name of new Set([...Object.keys(dependencies), ...peers, ...Object.keys(optionalDependencies)])) {
      const folder = locate(name, from);
      if (folder !== null && isForeign(name)) continue;
      if (folder === null && (name in optionalDependencies || peers.includes(name))) continue;
      if (folder === null) throw new Error(`${name}, which ${manifest.name} needs, is not installed: npm ci`);
      if (found.has(folder)) continue;
      found.add(folder);
      visit(folder, false);
    }
  };
  visit(packageRoot.replace(/\/$/, ''), true);
  return [...found].sort();
}

const isLicence = (path: string): boolean => /^(licen[cs]e|notice|copying)/i.test(basename(path));

/** npm installs prebuilt libraries for both of Linux' C libraries; a Node.js runs with one of them. */
function isForeign(name: string): boolean {
  const { header } = process.report.getReport() as { readonly header: { readonly glibcVersionRuntime?: string } };
  const glibc = header.glibcVersionRuntime !== undefined;
  return process.platform === 'linux' && (glibc ? /musl/ : /-gnu/).test(name);
}

/** As Node finds it: in the nearest node_modules, going up. */
function locate(name: string, from: string): string | null {
  for (let folder = from; folder.startsWith(packageRoot.replace(/\/$/, '')); folder = dirname(folder)) {
    const candidate = join(folder, 'node_modules', name);
    if (basename(folder) !== 'node_modules' && existsSync(join(candidate, 'package.json'))) return candidate;
  }
  return null;
}

function isWanted(path: string, source: string): boolean {
  // A package's own node_modules are packages of their own, copied only where they are needed.
  if (path === 'node_modules' || unwanted.test(path)) return false;
  if (source.endsWith('node_modules/@prisma/client')) {
    const [first, second] = path.split('/');
    if (first === 'runtime') return second === undefined || prismaRuntime.test(second);
    return path === '' || first === 'package.json' || first === 'LICENSE';
  }
  if (source.endsWith('node_modules/xlsx') && path.startsWith('dist/') && path !== 'dist/cpexcel.full.mjs')
    return false;
  return true;
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const { values } = parseArgs({ options: { 'with-node': { type: 'boolean' }, folder: { type: 'string' } } });
  const name = `emdc-${version}-${process.platform}-${process.arch}`;
  const folder = values.folder ?? join(packageRoot, 'build', name);
  if (values.folder === undefined) rmSync(folder, { recursive: true, force: true });
  bundle(folder, { withNode: values['with-node'] ?? false });
  if (values.folder === undefined) {
    execFileSync('tar', ['-C', dirname(folder), '--owner=0', '--group=0', '-czf', `${folder}.tar.gz`, name]);
    process.stdout.write(`${relative(process.cwd(), folder)}.tar.gz\n`);
  }
}
