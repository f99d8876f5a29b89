// Asks a live meter what a commissioning report needs: its registers around every metric, several times; what it refuses;
// how long an answer takes; and, where allowed, its largest block, its connections and whether it needs a pause. Reads
// only, one request at a time over one connection, paced.

import { ModbusFailure } from '../modbus/failure.js';
import type { Link } from '../modbus/reader.js';
import type { Span } from '../model/block.js';
import type { Clock } from '../model/clock.js';
import type { Meter, Metric, RegisterFunction } from '../model/meter.js';
import { RegisterImage } from './register-snapshot.js';

export interface Survey {
  readonly images: readonly RegisterImage[];
  /** Wall clock at the start of each round, ms UTC. */
  readonly times: readonly number[];
  /** Round trips of answered requests, ms. */
  readonly roundTripsMs: readonly number[];
  /** Smallest spans that the meter refused, with the exception. */
  readonly refused: readonly (Span & { readonly exceptionCode: number })[];
  readonly requests: number;
}

export interface SurveyOptions {
  readonly meter: Meter;
  readonly link: Link;
  readonly clock: Clock;
  readonly rounds: number;
  /** Between the starts of two rounds. */
  readonly intervalMs: number;
  readonly signal?: AbortSignal;
  readonly onRound?: (round: number) => void;
}

/** Registers on either side of a metric that are read too, to see what an address one or two off would give. */
const MARGIN = 2;

/** Rejects with a ModbusFailure where the meter does not answer at all. */
export async function surveyMeter(options: SurveyOptions): Promise<Survey> {
  const { clock, rounds, intervalMs, signal, meter } = options;
  const asker = new Asker(options);
  const images: RegisterImage[] = [];
  const times: number[] = [];
  for (let round = 0; round < rounds && !signal?.aborted; round++) {
    const begun = clock.monotonic();
    times.push(clock.now());
    options.onRound?.(round);
    const image = new RegisterImage();
    for (const span of round === 0 ? spansToRead(meter) : asker.readable) await asker.readInto(image, span);
    images.push(image);
    if (round + 1 < rounds) await clock.sleep(intervalMs - (clock.monotonic() - begun), signal);
  }
  return { images, times, roundTripsMs: asker.roundTripsMs, refused: asker.refused, requests: asker.requests };
}

/** Every metric with its margin, close ones as one span, none longer than the meter takes. */
export function spansToRead(meter: Pick<Meter, 'metrics' | 'maxRegisters' | 'maxGap'>): Span[] {
  const spans: Span[] = [];
  for (const table of ['holding', 'input'] as const) {
    const wanted = meter.metrics.filter((metric) => metric.function === table).sort((a, b) => a.address - b.address);
    let current: { start: number; end: number } | null = null;
    for (const metric of wanted) {
      const start = Math.max(0, metric.address - MARGIN);
      const end = Math.min(65_536, metric.address + metric.size + MARGIN);
      if (
        current &&
        start - current.end <= meter.maxGap &&
        Math.max(end, current.end) - current.start <= meter.maxRegisters
      ) {
        current.end = Math.max(end, current.end);
        continue;
      }
      if (current) spans.push(toSpan(table, current));
      current = { start, end };
    }
    if (current) spans.push(toSpan(table, current));
  }
  return spans;
}

const toSpan = (table: RegisterFunction, { start, end }: { start: number; end: number }): Span => ({
  function: table,
  start,
  count: end - start,
});

class Asker {
  readonly #options: SurveyOptions;
  readonly roundTripsMs: number[] = [];
  readonly refused: (Span & { exceptionCode: number })[] = [];
  /** What was answered in the first round, asked again in the next ones. */
  readonly readable: Span[] = [];
  requests = 0;

  constructor(options: SurveyOptions) {
    this.#options = options;
  }

  /** Splits what is refused between metrics, and last between registers, until what can be read has been read. */
  async readInto(image: RegisterImage, span: Span): Promise<void> {
    try {
      image.put(span.function, span.start, await this.read(span));
      if (!this.readable.includes(span)) this.readable.push(span);
    } catch (error) {
      if (!(error instanceof ModbusFailure) || error.exceptionCode === null || error.exceptionCode > 4) throw error;
      if (span.count === 1 || this.#isOneMetric(span)) {
        this.refused.push({ ...span, exceptionCode: error.exceptionCode });
        return;
      }
      const half = this.#halfway(span);
      await this.readInto(image, { ...span, count: half - span.start });
      await this.readInto(image, { ...span, start: half, count: span.start + span.count - half });
    }
  }

  async read(span: Span): Promise<Buffer> {
    const { meter, link, clock, signal } = this.#options;
    for (let attempt = 0; ; attempt++) {
      const begun = clock.monotonic();
      this.requests++;
      try {
        const data = await link.read(
          { unitId: meter.unitId, function: span.function, start: span.start, count: span.count },
          { timeoutMs: meter.timeoutMs, pauseMs: meter.pauseMs, ...(signal ? { signal } : {}) },
        );
        this.roundTripsMs.push(clock.monotonic() - begun);
        return data;
      } catch (error) {
        const refusal = error instanceof ModbusFailure && error.exceptionCode !== null && error.exceptionCode < 5;
        if (refusal || attempt >= meter.retries || signal?.aborted) throw error;
        await clock.sleep(meter.retryWaitMs, signal);
      }
    }
  }

  #isOneMetric({ function: table, start, count }: Span): boolean {
    return this.#options.meter.metrics.some((m) => m.function === table && m.address === start && m.size === count);
  }

  /** The border of a metric nearest to the middle; inside a metric's margin, the middle. */
  #halfway(span: Span): number {
    const middle = span.start + span.count / 2;
    const borders = this.#options.meter.metrics
      .filter((metric) => metric.function === span.function)
      .flatMap((metric) => [metric.address, metric.address + metric.size])
      .filter((border) => border > span.start && border < span.start + span.count)
      .sort((a, b) => Math.abs(a - middle) - Math.abs(b - middle));
    return borders[0] ?? Math.floor(middle);
  }
}

/**
 * The largest block that the meter takes from the map's most crowded place on, found by halving: how many registers, and
 * the exception that one more brings (null: it takes 125).
 */
export async function findLargestBlock(
  options: Omit<SurveyOptions, 'rounds' | 'intervalMs'>,
): Promise<{ readonly registers: number; readonly start: number; readonly exceptionCode: number | null }> {
  const asker = new Asker({ ...options, rounds: 1, intervalMs: 0 });
  const first = longestRun(options.meter.metrics);
  const take = async (count: number): Promise<number | null> => {
    try {
      await asker.read({ function: first.function, start: first.start, count });
      return null;
    } catch (error) {
      if (error instanceof ModbusFailure && error.exceptionCode !== null) return error.exceptionCode;
      throw error;
    }
  };
  const most = Math.min(125, 65_536 - first.start);
  let exceptionCode = await take(most);
  if (exceptionCode === null) return { registers: most, start: first.start, exceptionCode };
  let [taken, refusedAt] = [0, most];
  while (refusedAt - taken > 1) {
    const middle = Math.floor((taken + refusedAt) / 2);
    const refusal = await take(middle);
    if (refusal === null) taken = middle;
    else [refusedAt, exceptionCode] = [middle, refusal];
  }
  return { registers: taken, start: first.start, exceptionCode };
}

/** Where the map's metrics lie closest: the address to try long blocks from. */
function longestRun(metrics: readonly Metric[]): { function: RegisterFunction; start: number } {
  const registers = metrics.filter((metric) => metric.function === 'holding' || metric.function === 'input');
  let best = { function: registers[0]?.function ?? ('holding' as const), start: registers[0]?.address ?? 0, within: 0 };
  for (const { function: table, address: start } of registers) {
    const within = registers.filter(
      (m) => m.function === table && m.address >= start && m.address + m.size <= start + 125,
    ).length;
    if (within > best.within) best = { function: table, start, within };
  }
  return best;
}

/** Connections that answer a request while all the earlier ones stay open, up to `most`. */
export async function countConnections(options: {
  readonly meter: Meter;
  /** Opens a link of its own to the meter each time. */
  readonly open: () => Link;
  readonly most: number;
}): Promise<number> {
  const { meter, open, most } = options;
  const first = longestRun(meter.metrics);
  const links: Link[] = [];
  try {
    for (let count = 0; count < most; count++) {
      const link = open();
      links.push(link);
      try {
        await link.read(
          { unitId: meter.unitId, ...first, count: 1 },
          { timeoutMs: meter.timeoutMs, pauseMs: meter.pauseMs },
        );
      } catch (error) {
        if (error instanceof ModbusFailure && error.exceptionCode !== null) continue;
        return count;
      }
    }
    return most;
  } finally {
    await Promise.all(links.map((link) => link.close()));
  }
}
