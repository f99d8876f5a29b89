// Encrypted connections, against servers of the test's own whose certificate a private authority has signed.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import * as mariadb from 'mariadb';
import pg from 'pg';
import { EmdcError } from '../../src/model/errors.js';
import { silentLog } from '../../src/model/log.js';
import { openStore } from '../../src/store/open.js';
import { type DatabaseServer, findServer } from '../support/database-server.js';
import { noon, sampleMeter, samplePoll } from './sample.js';

const PASSWORD = 'hid@den/pass word';
const userinfo = `tls:${encodeURIComponent(PASSWORD)}`;

const openssl = (() => {
  try {
    execFileSync('openssl', ['version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
})();

function skipped(server: unknown): string | false {
  if (!openssl) return 'did not run: openssl is not on this machine';
  return server === null && 'did not run: the server is not on this machine';
}

/** Certificates: of an authority, of a server `localhost` signed by it, and of another authority that signed nothing. */
class Certificates {
  readonly folder = mkdtempSync(join(tmpdir(), 'emdc-tls-'));
  readonly ca = join(this.folder, 'ca.pem');
  readonly otherCa = join(this.folder, 'other.pem');

  constructor() {
    this.#authority('ca');
    this.#authority('other');
    const extensions = this.path('extensions');
    writeFileSync(extensions, 'subjectAltName=DNS:localhost\n');
    this.#openssl('req', '-newkey', 'rsa:2048', '-nodes', '-subj', '/CN=localhost', ...this.#files('server', '.csr'));
    this.#openssl(
      ...['x509', '-req', '-in', this.path('server.csr'), '-CA', this.ca, '-CAkey', this.path('ca.key')],
      ...['-CAcreateserial', '-days', '2', '-extfile', extensions, '-out', this.path('server.pem')],
    );
  }

  path(name: string): string {
    return join(this.folder, name);
  }

  read(name: string): string {
    return readFileSync(this.path(name), 'utf8');
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  #authority(name: string): void {
    this.#openssl(
      'req',
      '-x509',
      '-newkey',
      'rsa:2048',
      '-nodes',
      '-days',
      '2',
      '-subj',
      `/CN=${name}`,
      ...this.#files(name, '.pem'),
    );
  }

  #files(name: string, ending: string): string[] {
    return ['-keyout', this.path(`${name}.key`), '-out', this.path(`${name}${ending}`)];
  }

  #openssl(...args: string[]): void {
    execFileSync('openssl', args, { stdio: 'ignore' });
  }
}

async function works(url: string): Promise<void> {
  const store = await openStore({ url, log: silentLog });
  try {
    await store.write({ polls: [samplePoll(sampleMeter('Encrypted'), noon, [1, 2])], gaps: [] });
    await store.check();
  } finally {
    await store.close();
  }
}

/** Says what is wrong, and not the password. */
async function refused(url: string, said: RegExp): Promise<void> {
  await assert.rejects(works(url), (error) => {
    assert.ok(error instanceof EmdcError);
    const told = `${error.message} ${error.hint} ${String(error.stack)}`;
    assert.match(told, said);
    assert.ok(!told.includes(PASSWORD) && !told.includes(encodeURIComponent(PASSWORD)), told);
    return true;
  });
}

const makePostgres = findServer('postgresql');

describe('an encrypted connection to PostgreSQL', { skip: skipped(makePostgres) }, () => {
  let certificates: Certificates;
  let server: DatabaseServer;
  let port: string;
  const url = (options: string, host = 'localhost') =>
    `postgresql://${userinfo}@${host}:${port}/postgres${options === '' ? '' : `?${options}`}`;

  before(async () => {
    certificates = new Certificates();
    if (!makePostgres) return;
    server = await makePostgres((file) => [
      ...['-c', 'ssl=on', '-c', 'listen_addresses=localhost,127.0.0.1'],
      ...['-c', `ssl_cert_file=${file('server.pem', certificates.read('server.pem'))}`],
      ...['-c', `ssl_key_file=${file('server.key', certificates.read('server.key'))}`],
      // Encrypted and with the password only, but for the superuser who makes the test's user.
      ...['-c', `hba_file=${file('hba.conf', 'host all emdc all trust\nhostssl all tls all scram-sha-256\n')}`],
    ]);
    await server.start();
    port = new URL(server.url).port;
    const client = new pg.Client({ connectionString: server.url });
    await client.connect();
    await client.query(`CREATE USER tls PASSWORD '${PASSWORD}'; GRANT ALL ON SCHEMA public TO tls`);
    await client.end();
  });
  after(async () => {
    await server?.close();
    certificates.remove();
  });

  it('is made where the certificate is signed by the authority given', async () => {
    await works(url(`sslmode=verify-full&sslrootcert=${certificates.ca}`));
  });

  it('is refused where another authority is given', async () => {
    await refused(url(`sslmode=verify-full&sslrootcert=${certificates.otherCa}`), /certificate/);
  });

  it('is refused where the certificate is for another name', async () => {
    await refused(url(`sslmode=verify-full&sslrootcert=${certificates.ca}`, '127.0.0.1'), /altnames|certificate/i);
  });

  it('is refused where no authority is given that could have signed', async () => {
    await refused(url('sslmode=verify-full'), /certificate/);
  });

  it('is made without looking at the certificate with sslmode=no-verify', async () => {
    await works(url('sslmode=no-verify'));
  });

  it('is what the server asks for: without it, the user is refused', async () => {
    await refused(url('sslmode=disable'), /no encryption/);
  });

  it('names a file of certificates that is not there', async () => {
    await refused(url('sslmode=verify-full&sslrootcert=/nowhere/ca.pem'), /\/nowhere\/ca\.pem/);
  });
});

const makeMaria = findServer('mysql');

describe('an encrypted connection to MySQL or MariaDB', { skip: skipped(makeMaria) }, () => {
  let certificates: Certificates;
  let server: DatabaseServer;
  let port: string;
  const url = (options: string, host = 'localhost') =>
    `mysql://${userinfo}@${host}:${port}/emdc${options === '' ? '' : `?${options}`}`;

  before(async () => {
    certificates = new Certificates();
    if (!makeMaria) return;
    server = await makeMaria((file) => [
      `--ssl-cert=${file('server.pem', certificates.read('server.pem'))}`,
      `--ssl-key=${file('server.key', certificates.read('server.key'))}`,
      '--skip-name-resolve',
    ]);
    await server.start();
    port = new URL(server.url).port;
    const client = await mariadb.createConnection({ host: '127.0.0.1', port: Number(port), user: 'root' });
    await client.query(`CREATE USER tls@'%' IDENTIFIED BY '${PASSWORD}' REQUIRE SSL`);
    await client.query(`GRANT ALL ON emdc.* TO tls@'%'`);
    await client.end();
  });
  after(async () => {
    await server?.close();
    certificates.remove();
  });

  it('is made where the certificate is signed by the authority given', async () => {
    await works(url(`sslca=${certificates.ca}`));
  });

  it('is refused where another authority is given', async () => {
    await refused(url(`sslca=${certificates.otherCa}`), /certificate/);
  });

  it('is refused where the certificate is for another name', async () => {
    await refused(url(`sslca=${certificates.ca}`, '127.0.0.1'), /altnames|certificate/i);
  });

  it('is refused with ssl=true where no authority is known that could have signed', async () => {
    await refused(url('ssl=true'), /certificate/);
  });

  it('is made without looking at the certificate with rejectUnauthorized false', async () => {
    await works(url(`ssl=${encodeURIComponent('{"rejectUnauthorized":false}')}`));
  });

  it('is what the server asks for: without it, the user is refused', async () => {
    await refused(url(''), /Access denied/);
  });

  it('names a file of certificates that is not there', async () => {
    await refused(url('sslca=/nowhere/ca.pem'), /\/nowhere\/ca\.pem/);
  });
});
