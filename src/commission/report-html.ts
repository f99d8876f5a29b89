// The commissioning report as one HTML file for the meter's folder: no scripts, nothing from outside.

import { HEADERS, type Report, short } from './report.js';

const escaped = (text: string): string => text.replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`);

export function reportHtml(report: Report): string {
  const { meter, rows, findings, mistakes, corrections, unexplained, link } = report;
  const list = (items: readonly string[]): string =>
    `<ul>${items.map((item) => `<li>${escaped(item)}</li>`).join('')}</ul>`;
  const sound = findings.length === 0 && mistakes.length === 0;
  const verdict = sound ? 'Nothing implausible: the map fits this meter.' : `${findings.length} implausible`;
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${escaped(meter.name)}: commissioning report</title>
<style>
body{font:15px/1.45 system-ui,sans-serif;max-width:62rem;margin:2rem auto;padding:0 1rem;color:#1b1f24}
h1{font-size:1.4rem;margin-bottom:.2rem}h2{font-size:1.05rem;margin-top:1.8rem}
table{border-collapse:collapse;width:100%}td,th{padding:.25rem .6rem;text-align:left;border-bottom:1px solid #dfe3e8}
td.n{text-align:right;font-variant-numeric:tabular-nums}code{color:#57606a}
tr.suspicious td{background:#fff4e5}.verdict{padding:.6rem .9rem;border-radius:.4rem;background:${sound ? '#e6f4ea' : '#fff4e5'}}
</style></head><body>
<h1>${escaped(meter.name)}</h1>
<p>${escaped(`${meter.host}:${meter.port} unit ${meter.unitId} · ${report.mapFile} · ${new Date(report.time).toISOString()}`)}</p>
<p class="verdict">${escaped(verdict)}</p>
${mistakes.length > 0 ? `<h2>Likely mistake in the map</h2>${list(mistakes)}` : ''}
${corrections.length > 0 ? `<h2>Cells to change</h2><table><tr><th>Metric<th>Column<th>Now<th>Should be</tr>${corrections.map(({ metric, column, from, to }) => `<tr><td>${escaped(metric)}<td>${HEADERS[column]}<td>${escaped(String(from))}<td>${escaped(String(to))}</tr>`).join('')}</table>` : ''}
${findings.length > 0 ? `<h2>What does not agree</h2>${list(findings.map((finding) => finding.text))}` : ''}
${mistakes.length > 0 && unexplained.length > 0 ? `<h2>Still implausible after that</h2>${list(unexplained.map((finding) => finding.text))}` : ''}
<h2>Link</h2><table>${link.map(([what, figure]) => `<tr><td>${escaped(what)}<td>${escaped(figure)}</tr>`).join('')}</table>
<h2>Values</h2><table><tr><th>Metric<th>Value<th>Unit<th>Address<th>Registers<th>Corrected</tr>
${rows.map(({ metric, value, corrected, raw, suspicious }) => `<tr${suspicious ? ' class="suspicious"' : ''}><td>${escaped(metric.name)}<td class="n">${short(value)}<td>${escaped(metric.unit)}<td class="n">${metric.address}<td><code>${raw}</code><td class="n">${corrected !== value ? short(corrected) : ''}</tr>`).join('\n')}
</table></body></html>
`;
}
