// What `emdc read` says below its table: what looks wrong, and what to do next.

import process from 'node:process';
import type { RecordedRequest } from '../commission/recording-link.js';
import type { Config } from '../config/config.js';
import { mapReference } from '../config/input-files.js';
import { linkKeyOf, type Meter } from '../model/meter.js';

export interface ReadOutcome {
  readonly meter: Meter;
  readonly config: Config;
  readonly values: readonly number[];
  readonly requests: readonly RecordedRequest[];
}

/** Lines about values and requests that look wrong; none where all is well. */
export function adviceFor({ meter, config, values, requests }: ReadOutcome): string[] {
  const advice: string[] = [];
  if (values.length > 1 && values.every((value) => value === 0)) {
    advice.push(
      'all values are 0: wrong table (holding, input), wrong register map, or nothing connected to the meter?',
    );
  }
  const [first] = requests;
  if (values.length === 0 && requests.length > 0 && requests.every(({ error }) => error?.startsWith('exception 2'))) {
    advice.push(`the meter has none of these registers: wrong map or table? emdc scan ${placeOf(meter)} compares maps`);
  }
  // A meter that grants one connection closes the second one at once, which looks like a dead meter.
  if (values.length === 0 && first?.error && /reset|closed|disconnected|broke/.test(first.error)) {
    const { port, tlsCertificate } = config.http;
    const topic = `${config.file === null ? 'METER' : meter.name}/${meter.metrics[0]?.name ?? 'METRIC'}`;
    advice.push(
      'The connection was accepted and then closed: does EMDC, or another program, hold the only one that the meter grants?',
      'A running daemon reads it for you:',
      `  curl '${tlsCertificate === '' ? 'http' : 'https'}://127.0.0.1:${port}/metric?name=${topic}&max_age=0'`,
    );
  }
  return advice;
}

/** The command that follows when a meter was read. */
export function nextSteps(meter: Meter, { file }: Pick<Config, 'file'>): string {
  if (file !== null)
    return `Next: emdc commission --config ${file} --meter ${meter.name}   judges whether the values can be true`;
  return [
    'Next:',
    `  emdc commission ${flagsOf(meter)} --stanza   judges the values, and writes the lines for site.yaml`,
    '  emdc run --config site.yaml                  collects',
  ].join('\n');
}

/** The flags that lead to a meter. */
export const flagsOf = (meter: Meter): string =>
  `${placeOf(meter)} --unit ${meter.unitId} --map ${mapReference(meter.mapFile, process.cwd())}`;

function placeOf(meter: Meter): string {
  const { endpoint } = meter;
  if (endpoint?.type === 'serial') {
    const { path, baudRate, parity } = endpoint.line;
    return `--serial ${path} --baud-rate ${baudRate} --parity ${parity}`;
  }
  return `${linkKeyOf(meter).replace(/:502$/, '')}${endpoint?.framing === 'rtu' ? ' --framing rtu' : ''}`;
}
