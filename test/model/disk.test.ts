import assert from 'node:assert/strict';
import { tmpdir } from 'node:os';
import { test } from 'node:test';
import { lowDiskReasons, readDiskSpace } from '../../src/model/disk.js';

test('a disk is a reason below five percent, with what is left in megabytes', () => {
  const disk = (freeBytes: number) => ({ directory: '/data', freeBytes, sizeBytes: 8e9 });
  assert.deepEqual(lowDiskReasons([disk(8e9), disk(0.4e9)]), []);
  assert.deepEqual(lowDiskReasons([disk(0.39e9), disk(0)]), [
    'the disk of /data is nearly full: 390 MB free, 4.9 %',
    'the disk of /data is nearly full: 0 MB free, 0.0 %',
  ]);
});

test('a directory that is not there is left out, others are asked about', async () => {
  const disks = await readDiskSpace([tmpdir(), '/no/such/directory']);
  assert.deepEqual(
    disks.map(({ directory }) => directory),
    [tmpdir()],
  );
  assert.ok((disks[0]?.sizeBytes ?? 0) >= (disks[0]?.freeBytes ?? 0));
});
