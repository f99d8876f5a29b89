// Requests that nobody should send, as the bytes they are, and the status each has coming.

import { sendRaw } from './http.js';

const CLOSE = 'Host: localhost\r\nConnection: close\r\n';

const hostileRequests: readonly (readonly [kind: string, bytes: string | Buffer, status: number])[] = [
  ['a path there is not', `GET /admin.php HTTP/1.1\r\n${CLOSE}\r\n`, 404],
  ['a way out of the root', `GET /../../etc/passwd HTTP/1.1\r\n${CLOSE}\r\n`, 404],
  ['a broken escape', `GET /%zz%00%ff HTTP/1.1\r\n${CLOSE}\r\n`, 404],
  ['a method not offered', `PUT /ping HTTP/1.1\r\n${CLOSE}\r\n`, 405],
  ['a trace', `TRACE /metric HTTP/1.1\r\n${CLOSE}\r\n`, 405],
  ['a cycle by GET', `GET /collect HTTP/1.1\r\n${CLOSE}\r\n`, 405],
  ['a cycle without a token', `POST /collect HTTP/1.1\r\n${CLOSE}\r\n`, 401],
  [
    'a cycle with a guessed token',
    `POST /collect HTTP/1.1\r\n${CLOSE}Authorization: Bearer ${'x'.repeat(999)}\r\n\r\n`,
    401,
  ],
  ['a cycle from a web page elsewhere', `POST /collect HTTP/1.1\r\n${CLOSE}Sec-Fetch-Site: cross-site\r\n\r\n`, 403],
  ['a name that is not ours', 'GET /metric HTTP/1.1\r\nHost: rebound.example\r\nConnection: close\r\n\r\n', 421],
  ['a cycle from a page elsewhere', `POST /collect HTTP/1.1\r\n${CLOSE}Origin: http://evil.example\r\n\r\n`, 403],
  ['a body announced', `POST /collect HTTP/1.1\r\n${CLOSE}Content-Length: 104857600\r\n\r\n`, 413],
  ['a body in chunks', `POST /collect HTTP/1.1\r\n${CLOSE}Transfer-Encoding: chunked\r\n\r\nffffffff\r\n`, 413],
  ['a name without end', `GET /metric?name=${'n'.repeat(8000)} HTTP/1.1\r\n${CLOSE}\r\n`, 404],
  ['a thousand parameters', `GET /metric?${'a=1&'.repeat(1000)} HTTP/1.1\r\n${CLOSE}\r\n`, 400],
  ['markup for a name', `GET /metric?name=<script>alert(1)</script>&max_age=-1 HTTP/1.1\r\n${CLOSE}\r\n`, 400],
  ['a header without end', `GET /ping HTTP/1.1\r\n${CLOSE}X: ${'x'.repeat(20_000)}\r\n\r\n`, 431],
  ['two lengths', `POST /collect HTTP/1.1\r\n${CLOSE}Content-Length: 1\r\nContent-Length: 2\r\n\r\nab`, 400],
  [
    'a request inside a request',
    `POST /ping HTTP/1.1\r\n${CLOSE}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nG`,
    400,
  ],
  ['no host', 'GET /ping HTTP/1.1\r\nConnection: close\r\n\r\n', 400],
  ['a version to come', `GET /ping HTTP/9.9\r\n${CLOSE}\r\n`, 400],
  ['a control character', `GET /ping HTTP/1.1\r\n${CLOSE}X: a\u0000b\r\n\r\n`, 400],
  ['a space in the path', `GET /pi ng HTTP/1.1\r\n${CLOSE}\r\n`, 400],
  ['a TLS greeting', Buffer.from('16030100a5010000a10303', 'hex'), 400],
  ['Modbus', Buffer.from('000100000006010300000001', 'hex'), 400],
  ['noise', Buffer.from(Array.from({ length: 300 }, (_, i) => (i * 151 + 89) % 256)), 400],
];

export const HOSTILE_KINDS = hostileRequests.length;

/** Sends `count` requests, some at a time, all kinds in turn; resolves to what came out wrong, empty at best. */
export async function assail(port: number, count: number): Promise<string[]> {
  const wrong = new Set<string>();
  let next = 0;
  const sendSome = async () => {
    while (next < count) {
      const [kind, bytes, status] = hostileRequests[next++ % HOSTILE_KINDS] as (typeof hostileRequests)[number];
      const answer = await sendRaw(port, bytes);
      const got = /^HTTP\/1\.1 (\d+) /.exec(answer)?.[1];
      if (got !== String(status)) wrong.add(`${kind}: ${got ?? 'no answer'} instead of ${status}`);
      else if (!answer.includes('application/problem+json')) wrong.add(`${kind}: no problem document`);
      else if (/\.js:\d|node_modules|at \w+ \(/.test(answer)) wrong.add(`${kind}: shows its innards`);
    }
  };
  await Promise.all(Array.from({ length: 32 }, sendSome));
  return [...wrong];
}
