// Composes one Prisma schema per provider from models.prisma and generates their clients into src/store/generated.
// Takes no time when nothing has changed: a stamp beside each client holds the hash of what it was made from.

import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const self = readFileSync(new URL(import.meta.url), 'utf8');
const models = readFileSync(`${root}prisma/models.prisma`, 'utf8');
const prisma = createRequire(import.meta.url).resolve('prisma/package.json');
const prismaVersion = JSON.parse(readFileSync(prisma, 'utf8')).version;

for (const provider of ['sqlite', 'postgresql', 'mysql']) {
  const folder = `${root}build/schema/${provider}`;
  const output = `${root}src/store/generated/${provider}`;
  const schema = compose(provider);
  const hash = createHash('sha256').update(`${prismaVersion}\n${schema}\n${self}`).digest('hex');
  if (readStamp(output) === hash) continue;
  mkdirSync(folder, { recursive: true });
  writeFileSync(`${folder}/schema.prisma`, schema);
  rmSync(output, { recursive: true, force: true });
  execFileSync(
    process.execPath,
    [prisma.replace(/package\.json$/, 'build/index.js'), 'generate', '--schema', `${folder}/schema.prisma`],
    { cwd: root, stdio: 'pipe', env: { ...process.env, PRISMA_HIDE_UPDATE_MESSAGE: '1' } },
  );
  writeFileSync(`${output}/.stamp`, hash);
}

function compose(provider) {
  const lines = models.split('\n').map((line) => {
    const [code, ...markers] = line.split(/\s*\/\/ @/);
    const mine = markers.find((marker) => marker.startsWith(`${provider} `));
    return mine === undefined ? code : `${code} ${mine.slice(provider.length + 1)}`;
  });
  // The output path is embedded in the client, so it is relative: the same client everywhere.
  return `generator client {
  provider               = "prisma-client"
  output                 = "../../../src/store/generated/${provider}"
  runtime                = "nodejs"
  moduleFormat           = "esm"
  generatedFileExtension = "ts"
  importFileExtension    = "js"
  compilerBuild          = "small"
}

datasource db {
  provider = "${provider}"
}

${lines.join('\n')}`;
}

function readStamp(output) {
  try {
    return readFileSync(`${output}/.stamp`, 'utf8');
  } catch {
    return null;
  }
}
