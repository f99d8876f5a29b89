import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { type TestContext, test } from 'node:test';
import { parse } from 'yaml';
import { loadConfig } from '../../src/config/load.js';
import { packageRoot, version } from '../../src/model/paths.js';
import { checkRegisterMap } from '../../src/register-map/load.js';

interface ComposeService {
  readonly image: string;
  readonly environment?: Readonly<Record<string, string>>;
  readonly secrets?: readonly string[];
  readonly volumes?: readonly string[];
  readonly command?: readonly string[];
  readonly ports?: readonly string[];
  readonly restart?: string;
  readonly healthcheck?: unknown;
}

const compose = parse(readFileSync(`${packageRoot}docker-compose.yml`, 'utf8'), { merge: true }) as {
  readonly services: Readonly<Record<string, ComposeService>>;
  readonly secrets: Readonly<Record<string, { readonly file: string }>>;
};

test('the Dockerfile passes dockerfilelint', () => {
  const bin = createRequire(import.meta.url).resolve('dockerfilelint/bin/dockerfilelint');
  const { stdout, status } = spawnSync(process.execPath, [bin, '-o', 'json', `${packageRoot}Dockerfile`], {
    encoding: 'utf8',
  });
  const { files } = JSON.parse(stdout) as { files: { issues: { title: string; line: string }[] }[] };
  assert.deepEqual(
    files.flatMap(({ issues }) => issues),
    [],
  );
  assert.equal(status, 0);
});

/** The ways to ask whether a compose file is one, by what the machine has. */
const composeCommands = [['docker', 'compose'], ['docker-compose']] as const;

test('docker-compose.yml is what docker compose understands', (t: TestContext) => {
  const found = composeCommands.find(([name, ...rest]) => spawnSync(name, [...rest, 'version']).status === 0);
  if (!found) return t.skip('neither docker compose nor docker-compose is installed here');
  const [name, ...rest] = found;
  const args = [...rest, '--profile', 'demo', 'config', '--quiet'];
  const { status, stderr } = spawnSync(name, args, { cwd: packageRoot, encoding: 'utf8' });
  assert.equal(status, 0, stderr);
});

test('every file that docker-compose.yml mounts is there; its secrets are kept out of git', () => {
  const mounts = Object.values(compose.services).flatMap(({ volumes = [] }) =>
    volumes.filter((each) => each.startsWith('./')),
  );
  assert.ok(mounts.length > 0);
  for (const mount of mounts) assert.ok(existsSync(join(packageRoot, mount.split(':')[0] ?? '')), mount);
  for (const { file } of Object.values(compose.secrets)) assert.match(file, /^\.\/secrets\//);
  assert.match(readFileSync(`${packageRoot}.gitignore`, 'utf8'), /^secrets\/$/m);
  assert.match(readFileSync(`${packageRoot}.dockerignore`, 'utf8'), /^secrets$/m);
});

test('every service restarts, and none but the simulated meters lacks a health check; ports are bound to loopback', () => {
  for (const [name, service] of Object.entries(compose.services)) {
    assert.equal(service.restart, 'unless-stopped', name);
    if (name !== 'meters' && name !== 'emdc') assert.ok(service.healthcheck, name);
    for (const port of service.ports ?? []) assert.match(port, /^127\.0\.0\.1:/);
  }
  assert.match(readFileSync(`${packageRoot}Dockerfile`, 'utf8'), /^HEALTHCHECK /m);
  for (const name of ['emdc', 'meters']) assert.equal(compose.services[name]?.image, `emdc:${version}`);
});

test('Grafana is given every variable and every secret that its provisioning asks for', () => {
  const folder = `${packageRoot}config/grafana/provisioning/postgresql`;
  const { environment = {}, secrets = [] } = compose.services['grafana'] ?? assert.fail();
  for (const file of readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((each) =>
    each.endsWith('.yaml'),
  )) {
    const text = readFileSync(join(folder, file), 'utf8');
    for (const [, variable = ''] of text.matchAll(/\$\{?(EMDC_\w+)/g)) assert.ok(variable in environment, variable);
    for (const [, secret = ''] of text.matchAll(/\/run\/secrets\/(\w+)/g)) assert.ok(secrets.includes(secret), secret);
  }
});

test("the collector's environment in docker-compose.yml and config/docker.yaml are a configuration", async () => {
  const folder = mkdtempSync(join(tmpdir(), 'emdc-compose-'));
  try {
    mkdirSync(join(folder, 'secrets'));
    const env: NodeJS.ProcessEnv = { EMDC_HTTP_HOST: '0.0.0.0' };
    for (const [name, value] of Object.entries(compose.services['emdc']?.environment ?? {})) {
      const secret = /^\/run\/secrets\/(.+)$/.exec(value)?.[1];
      if (secret !== undefined) writeFileSync(join(folder, 'secrets', secret), 'p@ss/word\n');
      env[name] = secret === undefined ? value : join(folder, 'secrets', secret);
    }
    const { config, warnings } = await loadConfig({
      file: `${packageRoot}config/docker.yaml`,
      env,
      flags: new Map(),
      loadMap: checkRegisterMap,
      workingDirectory: folder,
    });
    // The map of the Nexus has no unit for energy: that depends on how the meter is set.
    assert.deepEqual(
      warnings.map(({ rule }) => rule),
      ['no-unit'],
    );
    assert.equal(config.database.url, 'postgresql://emdc:p%40ss%2Fword@database:5432/emdc');
    assert.equal(config.http.token, 'p@ss/word');
    assert.deepEqual(
      config.meters.map(({ host, port }) => `${host}:${port}`),
      ['meters:5020', 'meters:5021'],
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
});
