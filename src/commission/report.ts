// The commissioning report as data and as text for a terminal. What it says: how
// the meter answers, every metric's value as mapped and as corrected, what does not agree, and which cells to change.

import type { Span } from '../model/block.js';
import type { Meter, Metric } from '../model/meter.js';
import type { RowChange } from '../register-map/correct.js';
import { type Correction, correctedMetrics, type Diagnosis } from './diagnose.js';
import type { RegisterImage } from './register-snapshot.js';
import type { Finding } from './rules.js';
import type { Survey } from './survey.js';

export interface Report {
  readonly meter: Meter;
  readonly mapFile: string;
  readonly time: number;
  readonly rows: readonly ReportRow[];
  readonly findings: readonly Finding[];
  readonly corrections: readonly RowChange[];
  /** In words, one per correction. */
  readonly mistakes: readonly string[];
  readonly unexplained: readonly Finding[];
  readonly link: readonly (readonly [what: string, figure: string])[];
  /** Limits that the meter showed; null: not found out, or none. */
  readonly measured: { readonly maxRegisters: number | null; readonly pauseMs: number | null };
}

export interface ReportRow {
  readonly metric: Metric;
  /** Newest value as the map has it; null: none. */
  readonly value: number | null;
  /** As the corrected map has it; equal to `value` where nothing changes. */
  readonly corrected: number | null;
  /** Registers as read, hexadecimal. */
  readonly raw: string;
  readonly suspicious: boolean;
}

export interface Facts {
  readonly survey: Survey;
  readonly largestBlock: {
    readonly registers: number;
    readonly start: number;
    readonly exceptionCode: number | null;
  } | null;
  readonly connections: { readonly answered: number; readonly tried: number } | null;
  readonly pause: { readonly neededMs: number | null; readonly text: string } | null;
}

export function makeReport(options: {
  readonly meter: Meter;
  readonly mapFile: string;
  readonly facts: Facts;
  readonly values: Float64Array;
  readonly diagnosis: Diagnosis;
  readonly overTime: readonly Finding[];
}): Report {
  const { meter, mapFile, facts, values, diagnosis, overTime } = options;
  const { survey } = facts;
  const findings = [...diagnosis.findings, ...overTime];
  const suspects = new Set(findings.flatMap((finding) => finding.metrics));
  const image = survey.images[survey.images.length - 1];
  return {
    meter,
    mapFile,
    time: survey.times[survey.times.length - 1] ?? 0,
    rows: meter.metrics.map((metric, index) => ({
      metric,
      value: finite(values[index]),
      corrected: finite(diagnosis.corrected[index]),
      raw: image === undefined ? '' : rawOf(image, metric),
      suspicious: suspects.has(index),
    })),
    findings,
    corrections: changesOf(meter.metrics, diagnosis.corrections),
    mistakes: diagnosis.corrections.map((correction) => describe(correction, meter.metrics)),
    unexplained: [...diagnosis.unexplained, ...overTime],
    link: linkFigures(facts, meter),
    measured: {
      maxRegisters: facts.largestBlock?.exceptionCode === 3 ? facts.largestBlock.registers : null,
      pauseMs: facts.pause?.neededMs ?? null,
    },
  };
}

const finite = (value: number | undefined): number | null =>
  value === undefined || Number.isNaN(value) ? null : value;

function rawOf(image: RegisterImage, { function: table, address, size }: Metric): string {
  const words = Array.from({ length: size }, (_, word) => image.get(table, address + word));
  return words.map((word) => (word === null ? '····' : word.toString(16).padStart(4, '0'))).join(' ');
}

export function describe(correction: Correction, metrics: readonly Metric[]): string {
  const names = correction.metrics.map((index) => metrics[index]?.name ?? '');
  const all = correction.metrics.length === metrics.length;
  const which = all
    ? 'every row'
    : names.length > 6
      ? `${names.slice(0, 5).join(', ')} … (${names.length} rows)`
      : names.join(', ');
  switch (correction.kind) {
    case 'shift': {
      const off = Math.abs(correction.by) === 1 ? 'one register' : 'two registers';
      return `${which}: the address is ${off} too ${correction.by < 0 ? 'high' : 'low'}`;
    }
    case 'swap-words':
      return `${which}: the words are exchanged (Word Order)`;
    case 'scale':
      return `${which}: the Scaling Factor is ${1 / correction.factor > 1 ? `${round(1 / correction.factor)} times too large` : `${round(correction.factor)} times too small`}`;
    case 'exchange':
      return `${names[0]} and ${names[1]} are crossed: each row reads the other's registers`;
  }
}

const round = (value: number): number => Number(value.toPrecision(3));

function changesOf(metrics: readonly Metric[], corrections: readonly Correction[]): RowChange[] {
  const corrected = correctedMetrics(metrics, corrections);
  return metrics.flatMap((metric, index) => {
    const now = corrected[index] as Metric;
    return (['address', 'size', 'dataType', 'scale', 'wordOrder'] as const)
      .filter((column) => metric[column] !== now[column])
      .map((column) => ({ metric: metric.name, column, from: metric[column], to: now[column] }));
  });
}

function linkFigures({ survey, largestBlock, connections, pause }: Facts, meter: Meter): [string, string][] {
  const sorted = [...survey.roundTripsMs].sort((a, b) => a - b);
  const at = (share: number): string =>
    `${(sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0).toFixed(1)} ms`;
  const figures: [string, string][] = [
    ['round trip', `${at(0.5)} median, ${at(0.95)} 95 %, ${at(1)} worst of ${sorted.length}`],
    ['refused registers', survey.refused.length === 0 ? 'none' : survey.refused.map(spanText).join(', ')],
  ];
  if (largestBlock) {
    const { registers, start, exceptionCode } = largestBlock;
    const more =
      exceptionCode === null ? 'the most that Modbus has' : `one more is refused with exception ${exceptionCode}`;
    figures.push([
      'largest block',
      `${registers} registers from ${start} (${more}; the map says ${meter.maxRegisters})`,
    ]);
  }
  if (connections) {
    const { answered, tried } = connections;
    figures.push(['connections', answered === tried ? `at least ${answered} at once` : `${answered} at once, no more`]);
  }
  if (pause) figures.push(['pause between requests', pause.text]);
  return figures;
}

const spanText = ({ function: table, start, count, exceptionCode }: Span & { exceptionCode: number }): string =>
  `${table} ${start}${count > 1 ? `–${start + count - 1}` : ''} (exception ${exceptionCode})`;

/** For a terminal. */
export function reportText(report: Report): string {
  const { meter, rows, findings, mistakes, corrections, unexplained, link } = report;
  const name = Math.max(6, ...rows.map((row) => row.metric.name.length));
  const lines = [
    `${meter.name} · ${meter.host}:${meter.port} unit ${meter.unitId} · ${report.mapFile}`,
    '',
    ...link.map(([what, figure]) => `  ${what.padEnd(24)}${figure}`),
    '',
    `  ${'metric'.padEnd(name)}  ${'value'.padStart(14)} ${'unit'.padEnd(6)} ${'address'.padStart(7)}  registers`,
    ...rows.map(({ metric, value, corrected, raw, suspicious }) => {
      const mended = corrected !== value && corrected !== null ? `  → ${short(corrected)}` : '';
      return `${suspicious ? '? ' : '  '}${metric.name.padEnd(name)}  ${short(value).padStart(14)} ${metric.unit.padEnd(6)} ${String(metric.address).padStart(7)}  ${raw}${mended}`;
    }),
    '',
  ];
  if (findings.length === 0 && mistakes.length === 0)
    return [...lines, 'Nothing implausible: the map fits this meter.'].join('\n');
  lines.push(`${findings.length} implausible:`, ...findings.slice(0, 20).map((finding) => `  ${finding.text}`));
  if (findings.length > 20) lines.push(`  … and ${findings.length - 20} more`);
  if (mistakes.length > 0) {
    lines.push('', 'Likely mistake in the map:', ...mistakes.map((mistake) => `  ${mistake}`));
    lines.push('', 'Cells to change:');
    lines.push(
      ...corrections
        .slice(0, 60)
        .map(({ metric, column, from, to }) => `  ${metric}: ${HEADERS[column]} ${from} → ${to}`),
    );
    if (corrections.length > 60) lines.push(`  … and ${corrections.length - 60} more`);
  }
  if (unexplained.length > 0 && mistakes.length > 0) {
    lines.push('', 'Still implausible after that:', ...unexplained.slice(0, 20).map((finding) => `  ${finding.text}`));
  }
  if (mistakes.length === 0) {
    lines.push(
      '',
      'No single change of the map explains this. Compare the rows marked ? with the document, cell by cell.',
    );
  }
  return lines.join('\n');
}

export const HEADERS: Readonly<Record<RowChange['column'], string>> = {
  address: 'Metric Address',
  size: 'Metric Size',
  dataType: 'Data Type',
  scale: 'Scaling Factor',
  wordOrder: 'Word Order',
};

export const short = (value: number | null): string => (value === null ? '–' : String(Number(value.toPrecision(9))));
