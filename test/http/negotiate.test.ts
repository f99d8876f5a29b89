import assert from 'node:assert/strict';
import { test } from 'node:test';
import { preferred } from '../../src/http/negotiate.js';

const forms = ['application/json', 'application/openmetrics-text', 'text/plain', 'text/html'] as const;

const cases: [who: string, accept: string | undefined, form: string][] = [
  ['nobody in particular', undefined, 'application/json'],
  ['curl', '*/*', 'application/json'],
  ['a script', 'application/json', 'application/json'],
  ['a browser', 'text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8', 'text/html'],
  [
    'Prometheus 2',
    'application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1',
    'application/openmetrics-text',
  ],
  [
    'Prometheus 3',
    'application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2',
    'application/openmetrics-text',
  ],
  ['one who wants plain text', 'text/plain', 'text/plain'],
  ['one who likes any text', 'text/*', 'text/plain'],
  ['one who rules out what is offered first', '*/*, application/json;q=0', 'application/openmetrics-text'],
  ['one who wants what there is not', 'image/png', 'application/json'],
  ['one who talks nonsense', ';;;q=,,q=9, text/html;q=abc', 'application/json'],
];

for (const [who, accept, form] of cases) {
  test(`${who} gets ${form}`, () => assert.equal(preferred(accept, forms), form));
}
