// The commissioning report for programs, and what it adds to the configuration.

import type { Report } from './report.js';

export const reportJson = (report: Report): unknown => ({
  meter: report.meter.name,
  host: report.meter.host,
  port: report.meter.port,
  unit_id: report.meter.unitId,
  map: report.mapFile,
  time: new Date(report.time).toISOString(),
  plausible: report.findings.length === 0 && report.mistakes.length === 0,
  link: Object.fromEntries(report.link),
  metrics: report.rows.map(({ metric, value, corrected, raw, suspicious }) => ({
    metric: metric.name,
    value,
    unit: metric.unit,
    address: metric.address,
    registers: raw,
    suspicious,
    ...(corrected === value ? {} : { corrected }),
  })),
  findings: report.findings.map(({ rule, text, metrics }) => ({
    rule,
    text,
    metrics: metrics.map((index) => report.meter.metrics[index]?.name),
  })),
  mistakes: report.mistakes,
  corrections: report.corrections,
  unexplained: report.unexplained.map(({ rule, text }) => ({ rule, text })),
});

/** One item of `meters` in YAML, with the limits that the meter showed where they are below those it is read with. */
export function stanza(report: Report): string {
  const { meter, measured } = report;
  const lines = [
    `- name: ${JSON.stringify(meter.name)}`,
    `  host: ${JSON.stringify(meter.host)}`,
    ...(meter.port === 502 ? [] : [`  port: ${meter.port}`]),
    ...(meter.unitId === 1 ? [] : [`  unitId: ${meter.unitId}`]),
    `  map: ${JSON.stringify(report.mapFile)}`,
    ...(meter.ctRatio === 1 ? [] : [`  ctRatio: ${meter.ctRatio}`]),
    ...(meter.ptRatio === 1 ? [] : [`  ptRatio: ${meter.ptRatio}`]),
    ...(measured.maxRegisters === null || measured.maxRegisters >= meter.maxRegisters
      ? []
      : [`  maxRegisters: ${measured.maxRegisters}`]),
    ...(measured.pauseMs === null || measured.pauseMs <= meter.pauseMs ? [] : [`  pause: ${measured.pauseMs}ms`]),
  ];
  return `${lines.join('\n')}\n`;
}
