import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { buildReadme, readmeFile } from '../../register-maps/build.js';
import { checkBad, checkGood } from '../../register-maps/dictionary.js';
import { columnKeys, columns } from '../../src/register-map/columns.js';

describe('register-maps/README.md', () => {
  it('says what the maps, columns, settings and rules say', () => {
    const readme = readFileSync(readmeFile, 'utf8');
    assert.equal(readme, buildReadme(readme), 'run `npm run maps`');
  });

  for (const key of columnKeys) {
    it(`has a good row for ${columns[key].header}, which loads, and a bad one, which is questioned`, () => {
      const good = checkGood(key);
      assert.deepEqual(good.problems, []);
      assert.notEqual(good.map, null);
      assert.equal(checkBad(key).problems.length, 1);
    });
  }
});
