// What is behind a host: which unit ids answer, which of the known register maps fits each best, and SunSpec's own
// directory where there is one. Reads only, one request at a time.

import { ModbusFailure } from '../modbus/failure.js';
import type { Link } from '../modbus/reader.js';
import type { Meter, RegisterMap } from '../model/meter.js';
import { measurandOf } from './quantity.js';
import { imageValues, RegisterImage } from './register-snapshot.js';
import { judge, rulesFor } from './rules.js';
import { type SurveyOptions, surveyMeter } from './survey.js';

export interface FoundUnit {
  readonly unitId: number;
  /** `data` it answered with registers; otherwise the exception it answered with. */
  readonly answer: 'data' | number;
  readonly roundTripMs: number;
}

/**
 * Asks every unit id for one register. An exception counts as an answer (somebody refused), except a gateway's own (10, 11)
 * and busy. Rejects with a ModbusFailure when the host itself cannot be reached.
 */
export async function scanUnits(options: {
  readonly link: Link;
  readonly unitIds: readonly number[];
  readonly timeoutMs: number;
  readonly pauseMs: number;
  readonly monotonic: () => number;
  readonly signal?: AbortSignal;
  readonly onProgress?: (done: number, found: number) => void;
}): Promise<FoundUnit[]> {
  const { link, unitIds, timeoutMs, pauseMs, monotonic, signal, onProgress } = options;
  const found: FoundUnit[] = [];
  for (const [index, unitId] of unitIds.entries()) {
    if (signal?.aborted) break;
    const begun = monotonic();
    try {
      await link.read({ unitId, function: 'holding', start: 0, count: 1 }, { timeoutMs, pauseMs });
      found.push({ unitId, answer: 'data', roundTripMs: monotonic() - begun });
    } catch (error) {
      if (!(error instanceof ModbusFailure)) throw error;
      if (error.kind === 'unreachable') throw error;
      const code = error.exceptionCode;
      if (code !== null && code !== 10 && code !== 11) {
        found.push({ unitId, answer: code, roundTripMs: monotonic() - begun });
      }
    }
    onProgress?.(index + 1, found.length);
  }
  return found;
}

export interface Fit {
  readonly map: RegisterMap;
  /** Metrics that gave a number, of those asked for. */
  readonly readable: number;
  readonly expected: number;
  /** Rules of plausibility that held and that did not. */
  readonly held: number;
  readonly broken: number;
  /** 0 (nothing fits) to 1. */
  readonly score: number;
}

/** How well a map explains what the unit holds. `meter` carries the map's metrics and limits. */
export async function fitMap(map: RegisterMap, survey: Omit<SurveyOptions, 'rounds' | 'intervalMs'>): Promise<Fit> {
  const { meter } = survey;
  const expected = meter.metrics.length;
  let image: RegisterImage;
  try {
    image = (await surveyMeter({ ...survey, rounds: 1, intervalMs: 0 })).images[0] ?? new RegisterImage();
  } catch (error) {
    if (!(error instanceof ModbusFailure)) throw error;
    return { map, readable: 0, expected, held: 0, broken: 0, score: 0 };
  }
  return { map, ...scoreImage(meter, image) };
}

export function scoreImage(meter: Meter, image: RegisterImage): Omit<Fit, 'map'> {
  const values = imageValues(image, meter);
  const rules = rulesFor(meter.metrics);
  const findings = judge(rules, meter.metrics, values);
  let held = 0;
  let broken = 0;
  for (const { metrics, severity } of findings) {
    // Zeros agree with everything: a register that is always 0 speaks for no map.
    if (metrics.every((index) => (values[index] ?? 0) === 0 || Number.isNaN(values[index]))) continue;
    if (severity > 1) broken++;
    else held++;
  }
  const readable = values.filter((value) => !Number.isNaN(value)).length;
  const judged = meter.metrics.filter((metric) => measurandOf(metric).quantity !== 'other').length;
  // A map with few rules that hold must not beat one with many: three more are added as broken.
  const score = judged === 0 ? 0 : (held / (held + 3 * broken + 3)) * (readable / meter.metrics.length);
  return { readable, expected: meter.metrics.length, held, broken, score };
}

export interface SunSpecModel {
  readonly id: number;
  /** Wire address of the model's id register. */
  readonly address: number;
  /** Registers behind id and length. */
  readonly length: number;
}

/** SunSpec marks its directory with "SunS" at one of three places; models follow as (id, length, …) until id 65535. */
export async function findSunSpec(options: {
  readonly link: Link;
  readonly unitId: number;
  readonly timeoutMs: number;
  readonly pauseMs: number;
}): Promise<{ readonly base: number; readonly models: readonly SunSpecModel[] } | null> {
  const { link, unitId, timeoutMs, pauseMs } = options;
  const read = async (start: number, count: number): Promise<Buffer | null> => {
    try {
      return await link.read({ unitId, function: 'holding', start, count }, { timeoutMs, pauseMs });
    } catch (error) {
      if (error instanceof ModbusFailure && error.exceptionCode !== null) return null;
      throw error;
    }
  };
  for (const base of [40_000, 50_000, 0]) {
    if ((await read(base, 2))?.toString('latin1') !== 'SunS') continue;
    const models: SunSpecModel[] = [];
    // No device has more models than this; a directory that points back to itself ends here.
    for (let address = base + 2; address < 65_534 && models.length < 100; ) {
      const header = await read(address, 2);
      if (header === null || header.readUInt16BE(0) === 0xffff) break;
      const [id, length] = [header.readUInt16BE(0), header.readUInt16BE(2)];
      models.push({ id, address, length });
      address += 2 + length;
    }
    return { base, models };
  }
  return null;
}
