// What each meter was found to refuse, kept in one small readable file, so that a restart asks for nothing that is known to
// be refused. Every refusal is asked again now and then, at growing intervals: a firmware update may have mended it. What
// was learned about another map or another device under the same name is forgotten.

import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type { Learned, Refusal, RefusalReason, Span } from '../model/block.js';
import type { Clock } from '../model/clock.js';
import { messageOf } from '../model/errors.js';
import type { Log } from '../model/log.js';
import { linkKeyOf, type Meter } from '../model/meter.js';
import { formatRefusals, type MeterRefusals, parseRefusals } from './refused-format.js';
import { readTextIfAny, replaceText } from './text-file.js';

export interface LearnedPlans {
  /** The same object until something is learned or forgotten. */
  get(meter: Meter): Learned;
  /** `reason`: how the meter showed what is new in `learned`. */
  set(meter: Meter, learned: Learned, reason?: RefusalReason): void;
  /** A refusal whose time has come to be asked again; null: none. */
  due(meter: Meter): Refusal | null;
  /** The refusal was asked again, in vain: it is asked again after a longer time. */
  stillRefused(meter: Meter, refusal: Refusal): void;
}

interface Entry extends MeterRefusals {
  readonly learned: Learned;
}

const nothing: Learned = { maxRegisters: null, refused: [] };

/** For looking at a meter once: every poll finds out anew. */
export const forgetfulPlans: LearnedPlans = {
  get: () => nothing,
  set: () => {},
  due: () => null,
  stillRefused: () => {},
};

/** After 10 minutes first, then four times as long each time, at most a day. */
const FIRST_RETRY_MS = 600_000;
const LONGEST_RETRY_MS = 86_400_000;
const retryWaitMs = (retries: number): number => Math.min(FIRST_RETRY_MS * 4 ** retries, LONGEST_RETRY_MS);
/** What was learned of a meter that was not configured for so long is dropped. */
const FORGET_AFTER_MS = 30 * 86_400_000;

/** Where an installation keeps it: beside the spool, the one folder that is there to be written to. */
export const learnedPlansFile = (spoolDirectory: string): string => join(spoolDirectory, 'learned-plans.json');

/** Reads the file; one that cannot be understood is a warning, and nothing is known. Close it with `flush`. */
export async function openLearnedPlans(init: { file: string; clock: Clock; log: Log }): Promise<LearnedFile> {
  const plans = new LearnedFile(init);
  await plans.load();
  return plans;
}

export class LearnedFile implements LearnedPlans {
  readonly #file: string;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #entries = new Map<string, Entry>();
  #writing: Promise<void> | null = null;
  #changed = false;
  #failing = false;

  constructor({ file, clock, log }: { file: string; clock: Clock; log: Log }) {
    this.#file = file;
    this.#clock = clock;
    this.#log = log;
  }

  async load(): Promise<void> {
    try {
      const text = await readTextIfAny(this.#file);
      if (text === null) return;
      const forgottenBefore = this.#clock.now() - FORGET_AFTER_MS;
      for (const [name, known] of parseRefusals(text)) {
        const isCurrent = known.refusals.some(({ retryAt }) => retryAt > forgottenBefore);
        if (isCurrent) this.#entries.set(name, { ...known, learned: learnedFrom(known.refusals) });
      }
    } catch (error) {
      this.#entries.clear();
      this.#log.warn('what meters refuse has to be learned anew', { file: this.#file, cause: messageOf(error) });
    }
  }

  get(meter: Meter): Learned {
    return this.#entryOf(meter)?.learned ?? nothing;
  }

  /** For people: what is known, oldest first. */
  refusals(meter: Meter): readonly Refusal[] {
    return this.#entryOf(meter)?.refusals ?? [];
  }

  set(meter: Meter, learned: Learned, reason: RefusalReason = 'exception'): void {
    const known = this.refusals(meter);
    const now = this.#clock.now();
    const silent = reason === 'silence' ? { reason } : {};
    const fresh = { since: now, retryAt: now + retryWaitMs(0), retries: 0, ...silent };
    const refusals = learned.refused.map(
      (span) => known.find((old) => isSame(old.span, span)) ?? { span, maxRegisters: null, ...fresh },
    );
    const { maxRegisters } = learned;
    if (maxRegisters !== null) {
      const same = known.find((old) => old.maxRegisters === maxRegisters);
      refusals.push(same ?? { span: null, maxRegisters, ...fresh });
    }
    this.#keep(meter, refusals);
  }

  due(meter: Meter): Refusal | null {
    const refusals = this.#entryOf(meter)?.refusals;
    if (refusals === undefined) return null;
    const now = this.#clock.now();
    // Further off than the longest wait: the clock was set back.
    return refusals.find(({ retryAt }) => retryAt <= now || retryAt > now + LONGEST_RETRY_MS) ?? null;
  }

  stillRefused(meter: Meter, refusal: Refusal): void {
    const retries = refusal.retries + 1;
    const later: Refusal = { ...refusal, retries, retryAt: this.#clock.now() + retryWaitMs(retries) };
    const refusals = this.refusals(meter).map((known) => (known === refusal ? later : known));
    this.#keep(meter, refusals);
  }

  /** Resolves when everything learned so far is on disk, or could not be written, which is logged. */
  async flush(): Promise<void> {
    while (this.#writing !== null) await this.#writing;
  }

  #entryOf(meter: Meter): Entry | undefined {
    const entry = this.#entries.get(meter.name);
    return entry?.fingerprint === fingerprintOf(meter) ? entry : undefined;
  }

  #keep(meter: Meter, refusals: readonly Refusal[]): void {
    const fingerprint = fingerprintOf(meter);
    if (refusals.length === 0) this.#entries.delete(meter.name);
    else this.#entries.set(meter.name, { fingerprint, refusals, learned: learnedFrom(refusals) });
    this.#changed = true;
    this.#writing ??= this.#write();
  }

  async #write(): Promise<void> {
    while (this.#changed) {
      this.#changed = false;
      try {
        await replaceText(this.#file, formatRefusals(this.#entries));
        this.#failing = false;
      } catch (error) {
        if (!this.#failing)
          this.#log.warn('what meters refuse cannot be kept', { file: this.#file, cause: messageOf(error) });
        this.#failing = true;
      }
    }
    this.#writing = null;
  }
}

const learnedFrom = (refusals: readonly Refusal[]): Learned => ({
  maxRegisters: refusals.find(({ maxRegisters }) => maxRegisters !== null)?.maxRegisters ?? null,
  refused: refusals.flatMap(({ span }) => span ?? []),
});

const isSame = (a: Span | null, b: Span): boolean =>
  a !== null && a.function === b.function && a.start === b.start && a.count === b.count;

const fingerprints = new WeakMap<Meter, string>();

/** Changes with the device's address, and with any register of the map. */
function fingerprintOf(meter: Meter): string {
  const known = fingerprints.get(meter);
  if (known !== undefined) return known;
  const registers = meter.metrics.map((metric) => [metric.function, metric.address, metric.size]);
  const text = JSON.stringify([linkKeyOf(meter), meter.unitId, registers]);
  const fingerprint = createHash('sha256').update(text).digest('hex').slice(0, 16);
  fingerprints.set(meter, fingerprint);
  return fingerprint;
}
