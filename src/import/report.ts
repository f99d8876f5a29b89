// What an import takes and gives: where to, how far it got, what it left out and why.

import type { Store } from '../store/store.js';
import type { KnownMetrics } from './known-metrics.js';

export interface ImportOptions {
  readonly store: Store;
  readonly known: KnownMetrics;
  /** Name of the setting that keeps how far this source was imported. Removed at the end. */
  readonly note: string;
  /** In readings, polls or bytes: the same for both. */
  readonly onProgress: (done: number, total: number) => void;
}

export interface Finding {
  count: number;
  readonly examples: string[];
}

const EXAMPLES = 5;

export class Report {
  topics = 0;
  /** Written, or there already. */
  readings = 0;
  polls = 0;
  gaps = 0;
  events = 0;
  /** Rows left out, by reason. */
  readonly skipped = new Map<string, Finding>();
  /** Rows taken, but not quite as they were. */
  readonly notes = new Map<string, Finding>();

  skip(reason: string, example: string, count = 1): null {
    add(this.skipped, reason, example, count);
    return null;
  }

  note(what: string, example: string): void {
    add(this.notes, what, example, 1);
  }
}

function add(findings: Map<string, Finding>, key: string, example: string, count: number): void {
  const finding = findings.get(key) ?? { count: 0, examples: [] };
  findings.set(key, finding);
  finding.count += count;
  if (finding.examples.length < EXAMPLES) finding.examples.push(example);
}
