// A process of its own, since an error that nobody catches ends it: opens the MySQL database of its first argument through
// a proxy that from then on breaks every connection after log-in, asks once, and says whether it lives on.

import { connect as connectTo, createServer } from 'node:net';
import process from 'node:process';
import { silentLog } from '../../src/model/log.js';
import { openStore } from '../../src/store/open.js';

const url = new URL(process.argv[2] as string);
const { hostname, port } = url;
let breaks = false;
const proxy = createServer((client) => {
  const server = connectTo(Number(port || 3306), hostname);
  let packets = 0;
  client.on('data', (data) => {
    // The first one is the log-in.
    if (breaks && ++packets > 1) client.resetAndDestroy();
    else server.write(data);
  });
  server.on('data', (data) => client.write(data));
  for (const [one, other] of [
    [client, server],
    [server, client],
  ] as const) {
    one.on('error', () => {});
    one.on('close', () => other.destroy());
  }
});
proxy.listen(0, '127.0.0.1', async () => {
  url.hostname = '127.0.0.1';
  url.port = String((proxy.address() as { port: number }).port);
  const store = await openStore({ url: url.href, log: silentLog });
  breaks = true;
  const answer = await store.check().then(
    () => 'answered',
    () => 'refused, and lives on',
  );
  process.stdout.write(answer, () => process.exit());
});
