// Free space on the disks that EMDC writes to: looked at before they are full, since a full disk costs readings.

import { statfs } from 'node:fs/promises';

/** The disk that holds a directory. */
export interface DiskSpace {
  readonly directory: string;
  /** For users without special rights. */
  readonly freeBytes: number;
  readonly sizeBytes: number;
}

/** Below this part of the disk's size the collector is `degraded`. */
const LOW_PART = 0.05;

/** The disk of each directory; directories that cannot be asked about are left out. Never rejects. */
export async function readDiskSpace(directories: readonly string[]): Promise<readonly DiskSpace[]> {
  const found = await Promise.allSettled(directories.map((directory) => statfs(directory)));
  return found.flatMap((result, index) => {
    if (result.status === 'rejected') return [];
    const { bavail, blocks, bsize } = result.value;
    return [{ directory: directories[index] ?? '', freeBytes: bavail * bsize, sizeBytes: blocks * bsize }];
  });
}

/** Reasons to be `degraded`, a line per disk with less than 5 % of its space free. */
export const lowDiskReasons = (disks: readonly DiskSpace[]): string[] =>
  disks
    .filter(({ freeBytes, sizeBytes }) => freeBytes < sizeBytes * LOW_PART)
    .map(({ directory, freeBytes, sizeBytes }) => {
      const percent = ((freeBytes / sizeBytes) * 100).toFixed(1);
      return `the disk of ${directory} is nearly full: ${Math.floor(freeBytes / 1e6)} MB free, ${percent} %`;
    });
