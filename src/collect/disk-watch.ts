// Keeps the free space of the disks that the collector writes to.

import { type DiskSpace, readDiskSpace } from '../model/disk.js';

const INTERVAL_MS = 10_000;

export class DiskWatch {
  /** As of the newest look; empty before the first. */
  disks: readonly DiskSpace[] = [];
  readonly #directories: readonly string[];
  #lookedAt = Number.NEGATIVE_INFINITY;

  constructor(directories: readonly string[]) {
    this.#directories = directories;
  }

  /** Looks again if the newest look is old. `monotonic`: ms. */
  async look(monotonic: number): Promise<void> {
    if (monotonic - this.#lookedAt < INTERVAL_MS) return;
    this.#lookedAt = monotonic;
    this.disks = await readDiskSpace(this.#directories);
  }
}
