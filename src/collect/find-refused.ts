// What a refused block teaches. An exception 2, 3 or 4 says that a request was too long, or touched something that is not
// there, but not which. Asking parts of it tells: a metric that is refused alone, a gap (or a mere boundary) that must not
// be read over, or the most registers in one request. Asked in the same poll, so that whatever is readable is read the
// first time; ends when the plan under what was learned has been seen to be accepted. Knows no clock and no socket: it
// only asks.

import { isBitTable } from '../codec/words.js';
import type { Learned, Span } from '../model/block.js';
import type { Metric } from '../model/meter.js';
import { type PlanLimits, planBlocks, touches } from '../plan/blocks.js';

/** `stop`: no further question makes sense in this poll (no answer, or no time). */
export type Answer = 'accepted' | 'refused' | 'stop';

export interface Exploration {
  readonly metrics: readonly Metric[];
  readonly limits: PlanLimits;
  readonly learned: Learned;
  /** Blocks that were refused and accepted in this poll. */
  readonly refused: readonly Span[];
  readonly accepted: readonly Span[];
  /** Sends one request, and keeps the values of all metrics within the span if it is answered. */
  ask(span: Span): Promise<Answer>;
}

export interface Findings {
  readonly learned: Learned;
  /** The plan under `learned` holds only requests that were accepted. */
  readonly settled: boolean;
}

/** A meter that refuses this many metrics one by one, and nothing else was accepted, refuses everything just now. */
const HOPELESS_AFTER = 16;

export async function explore(exploration: Exploration): Promise<Findings> {
  const explorer = new Explorer(exploration);
  const settled = await explorer.run();
  // Without one answer, nothing tells a missing register from a meter that is starting up: nothing is remembered.
  return explorer.hasEvidence
    ? { learned: explorer.learned, settled }
    : { learned: exploration.learned, settled: false };
}

class Explorer {
  readonly #given: Exploration;
  readonly #accepted: Span[];
  /** Metrics that are refused alone, and gaps that must not be read over. */
  readonly #culprits: Span[] = [];
  #maxRegisters: number | null;
  #stopped = false;

  constructor(given: Exploration) {
    this.#given = given;
    this.#accepted = [...given.accepted];
    this.#maxRegisters = given.learned.maxRegisters;
  }

  /** The same object as before where nothing was found. */
  get learned(): Learned {
    if (this.#culprits.length === 0 && this.#maxRegisters === this.#given.learned.maxRegisters)
      return this.#given.learned;
    const found = this.#culprits.flatMap((culprit) => this.#unaccepted(culprit));
    return { maxRegisters: this.#maxRegisters, refused: [...this.#given.learned.refused, ...found] };
  }

  get hasEvidence(): boolean {
    return this.#accepted.length > 0;
  }

  async run(): Promise<boolean> {
    // Blocks and single metrics are asked twice, since a refusal may pass and what is concluded from it keeps for a while.
    for (const block of this.#given.refused) {
      if ((await this.#ask(block)) === 'refused') await this.#dissect(block);
    }
    while (!this.#over) {
      const plan = planBlocks(this.#given.metrics, { ...this.#given.limits, learned: this.learned });
      const unsure = plan.blocks.find((block) => !this.#isAccepted(block));
      if (unsure === undefined) return true;
      const before = this.#knowledge;
      if ((await this.#ask(unsure)) === 'refused') await this.#dissect(unsure);
      // A meter that contradicts itself teaches nothing more; the next poll may see clearer.
      if (!this.#isAccepted(unsure) && this.#knowledge === before) return false;
    }
    return false;
  }

  /** Finds out why this block is refused, by asking its halves, then theirs. */
  async #dissect(block: Span): Promise<void> {
    const fields = this.#fieldsWithin(block);
    const [only, second] = fields;
    if (this.#over || only === undefined || !this.#fits(block)) return;
    const whole = hull(fields);
    if (whole.count < block.count && (await this.#ask(whole)) !== 'refused') return;
    const alone = second === undefined ? only : fields.find((field) => field.count === whole.count);
    if (alone !== undefined) {
      if ((await this.#ask(alone)) === 'refused') await this.#blame(alone);
      return;
    }
    const [left, right] = halves(fields, whole);
    const leftAnswer = await this.#ask(left);
    const rightAnswer = await this.#ask(right);
    if (leftAnswer === 'accepted' && rightAnswer === 'accepted') return this.#explain(whole, left, right);
    if (leftAnswer === 'refused') await this.#dissect(left);
    if (rightAnswer === 'refused') await this.#dissect(right);
  }

  /** Both halves are accepted, the whole is not: what lies between them is to blame, or the length. */
  async #explain(whole: Span, left: Span, right: Span): Promise<void> {
    const between: Span = { ...left, start: endOf(left), count: right.start - endOf(left) };
    if (between.count >= 0 && !this.#isReadAcross(between)) {
      const across = this.#nearest(between, whole);
      const answer = across.count === whole.count ? 'refused' : await this.#ask(across);
      if (answer === 'stop') return;
      if (answer === 'refused') return this.#blame(between);
    }
    const longest = this.#longestAccepted();
    if (longest < whole.count && !isBitTable(whole.function)) await this.#measure(whole, longest);
    else if (between.count >= 0 && !this.#over) await this.#blame(between);
  }

  /** Metrics that share registers with a culprit may still be readable: only an answer of their own tells. */
  async #blame(culprit: Span): Promise<void> {
    this.#culprits.push(culprit);
    for (const { function: table, address, size } of this.#given.metrics) {
      const field: Span = { function: table, start: address, count: size };
      if (table !== culprit.function || !touches(field, culprit) || this.#isBlamed(field)) continue;
      if ((await this.#ask(field)) === 'refused' && !this.#isBlamed(field)) await this.#blame(field);
    }
  }

  /** Finds the most registers in one request, within a block whose registers can all be read. */
  async #measure(block: Span, longest: number): Promise<void> {
    let most = longest;
    let tooMany = block.count;
    const accepts = async (count: number): Promise<boolean> => {
      const accepted = (await this.#ask({ ...block, count })) === 'accepted';
      if (accepted) most = count;
      else tooMany = count;
      return accepted;
    };
    // First where metrics end, since some meters refuse half a value whatever the length; then to the register.
    for (;;) {
      const ends = this.#fieldsWithin(block).map((field) => endOf(field) - block.start);
      const between = [...new Set(ends)].filter((count) => count > most && count < tooMany).sort((a, b) => a - b);
      if (between.length === 0 || this.#over) break;
      await accepts(between[between.length >> 1] as number);
    }
    while (tooMany - most > 1 && !this.#over) await accepts((most + tooMany) >> 1);
    if (!this.#over) this.#maxRegisters = most;
  }

  async #ask(span: Span): Promise<Answer> {
    if (this.#isAccepted(span)) return 'accepted';
    if (this.#over) return 'stop';
    if (!this.#fits(span)) return 'refused';
    const answer = await this.#given.ask(span);
    if (answer === 'accepted') this.#accepted.push(span);
    if (answer === 'stop') this.#stopped = true;
    return answer;
  }

  get #over(): boolean {
    return this.#stopped || (this.#accepted.length === 0 && this.#culprits.length >= HOPELESS_AFTER);
  }

  get #knowledge(): string {
    return `${this.#maxRegisters} ${this.#culprits.length}`;
  }

  /** Whether a refusal is already known to be the fault of something within this span. */
  #isBlamed(span: Span): boolean {
    return this.#culprits.some((culprit) => contains(span, culprit) && touches(span, culprit));
  }

  /** The parts of a culprit that no accepted request read; a boundary, where each register was read in some request. */
  #unaccepted(culprit: Span): Span[] {
    const runs: Span[] = [];
    let start = culprit.start;
    for (const known of this.#accepted.toSorted((a, b) => a.start - b.start)) {
      if (known.function !== culprit.function || !touches(known, culprit)) continue;
      if (known.start > start) runs.push({ ...culprit, start, count: known.start - start });
      start = Math.max(start, endOf(known));
    }
    if (start < endOf(culprit)) runs.push({ ...culprit, start, count: endOf(culprit) - start });
    return runs.length > 0 ? runs : [{ ...culprit, count: 0, start: this.#seam(culprit) }];
  }

  /** Where the first accepted request of several that together read the culprit ends. */
  #seam(culprit: Span): number {
    const ends = this.#accepted.filter((known) => contains(known, { ...culprit, count: 1 })).map(endOf);
    return culprit.count === 0 ? culprit.start : Math.min(Math.max(...ends), endOf(culprit));
  }

  #fits(span: Span): boolean {
    return isBitTable(span.function) || span.count <= (this.#maxRegisters ?? span.count);
  }

  #isAccepted(span: Span): boolean {
    return this.#accepted.some((known) => contains(known, span));
  }

  /** Something was read from before the span to behind it: it is not to blame. */
  #isReadAcross(between: Span): boolean {
    const across: Span = { ...between, start: between.start - 1, count: between.count + 2 };
    return this.#isAccepted(across);
  }

  #longestAccepted(): number {
    const registers = this.#accepted.filter((span) => !isBitTable(span.function));
    return registers.reduce((most, span) => Math.max(most, span.count), 0);
  }

  /** The registers of metrics that may still be readable, each once, in order. */
  #fieldsWithin(block: Span): Span[] {
    const fields = new Map<string, Span>();
    for (const { function: table, address, size } of this.#given.metrics) {
      const field: Span = { function: table, start: address, count: size };
      if (!contains(block, field) || this.#isBlamed(field) || this.#isRefused(field)) continue;
      fields.set(`${address}+${size}`, field);
    }
    return [...fields.values()].sort((a, b) => a.start - b.start || a.count - b.count);
  }

  #isRefused(field: Span): boolean {
    return this.#given.learned.refused.some((span) => span.function === field.function && touches(field, span));
  }

  /** From the last metric before the span to the first one after it. */
  #nearest(between: Span, block: Span): Span {
    const fields = this.#fieldsWithin(block);
    const before = fields.filter((field) => endOf(field) === between.start);
    const after = fields.filter((field) => field.start === endOf(between));
    const start = Math.max(...before.map((field) => field.start));
    const end = Math.min(...after.map(endOf));
    return { ...between, start, count: end - start };
  }
}

const endOf = (span: Span): number => span.start + span.count;

const contains = (outer: Span, inner: Span): boolean =>
  outer.function === inner.function && outer.start <= inner.start && endOf(inner) <= endOf(outer);

function hull(fields: readonly Span[]): Span {
  const first = fields[0] as Span;
  return { ...first, count: Math.max(...fields.map(endOf)) - first.start };
}

/** Both smaller than the whole, which no single field fills. */
function halves(fields: readonly Span[], whole: Span): [left: Span, right: Span] {
  const middle = fields.length >> 1;
  const left = hull(fields.slice(0, middle));
  const right = hull(fields.slice(middle));
  if (left.count < whole.count && right.count < whole.count) return [left, right];
  const second = fields.findIndex((field) => field.start > whole.start);
  return [hull(fields.slice(0, second)), hull(fields.slice(second))];
}
