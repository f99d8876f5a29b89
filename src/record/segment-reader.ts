// Walks through a sealed segment in chunks of a chosen size. A chunk is seen again until it is passed.

import { storedCount } from '../model/poll.js';
import { weightOf } from './batch.js';
import { type Entry, type Piece, readSegment } from './segment.js';

export interface Damage {
  readonly from: number;
  readonly bytes: number;
  /** At the end: a write that was cut short and never acknowledged. */
  readonly torn: boolean;
}

export class SegmentReader {
  readonly #size: number;
  readonly #pieces: Generator<Piece>;
  readonly #entries: Entry[] = [];
  readonly #onDamage: (damage: Damage) => void;

  constructor(segment: Buffer, onDamage: (damage: Damage) => void) {
    this.#size = segment.length;
    this.#pieces = readSegment(segment);
    this.#onDamage = onDamage;
  }

  /** The next entries: at least one, and no more readings than `maxReadings` where that is possible. Empty at the end. */
  peek(maxReadings: number): readonly Entry[] {
    let readings = 0;
    let count = 0;
    for (;;) {
      const entry = this.#entries[count] ?? this.#decode();
      if (!entry) break;
      readings += readingsOf(entry);
      if (count > 0 && readings > maxReadings) break;
      count++;
      if (count >= MAX_ENTRIES) break;
    }
    return this.#entries.slice(0, count);
  }

  pass(count: number): void {
    this.#entries.splice(0, count);
  }

  /** All that was not passed, a frame at a time; passes it. */
  *rest(): Generator<readonly Entry[]> {
    while (this.#entries.length > 0 || this.#decode()) yield this.#entries.splice(0);
  }

  /** Decodes frames until there is a new entry; its first one, or null at the segment's end. */
  #decode(): Entry | null {
    const known = this.#entries.length;
    while (this.#entries.length === known) {
      const { value: piece, done } = this.#pieces.next();
      if (done) return null;
      if (piece.kind === 'frame') for (const entry of piece.entries) this.#entries.push(entry);
      else {
        this.#onDamage({
          from: piece.from,
          bytes: piece.end - piece.from,
          torn: piece.end === this.#size && !piece.foreign,
        });
      }
    }
    return this.#entries[known] ?? null;
  }
}

/** Polls without readings (a meter that is down) are rows too. */
const MAX_ENTRIES = 1000;

const readingsOf = (entry: Entry): number => (entry.kind === 'poll' ? storedCount(entry.poll) : weightOf(entry.gap));
