// A live meter and its map, from the first question to the report.

import { ModbusFailure } from '../modbus/failure.js';
import type { Link } from '../modbus/reader.js';
import type { Clock } from '../model/clock.js';
import type { Meter } from '../model/meter.js';
import { diagnose } from './diagnose.js';
import { judgeOverTime } from './findings.js';
import { imageValues } from './register-snapshot.js';
import { type Facts, makeReport, type Report } from './report.js';
import { countConnections, findLargestBlock, spansToRead, surveyMeter } from './survey.js';

export interface CommissionOptions {
  readonly meter: Meter;
  /** For the report. */
  readonly mapFile: string;
  readonly link: Link;
  readonly clock: Clock;
  readonly rounds: number;
  readonly intervalMs: number;
  /** Also finds out how many connections the meter takes, by opening them, and whether it needs a pause, by giving it none. */
  readonly thorough: { readonly openLink: () => Link; readonly mostConnections: number } | null;
  readonly signal?: AbortSignal;
  readonly onProgress?: (what: string) => void;
}

/** Rejects with a ModbusFailure where the meter cannot be read at all. */
export async function commission(options: CommissionOptions): Promise<Report> {
  const { meter, mapFile, thorough, onProgress } = options;
  const survey = await surveyMeter({
    ...options,
    onRound: (round) => onProgress?.(`round ${round + 1} of ${options.rounds}`),
  });
  onProgress?.('largest block');
  const largestBlock = await findLargestBlock(options);
  let connections: Facts['connections'] = null;
  let pause: Facts['pause'] = null;
  if (thorough) {
    onProgress?.('pause between requests');
    pause = await tryWithoutPause(options);
    onProgress?.('connections');
    options.link.disconnect();
    const most = thorough.mostConnections;
    connections = { answered: await countConnections({ meter, open: thorough.openLink, most }), tried: most };
  }
  const values = survey.images.map((image) => imageValues(image, meter));
  const diagnosis = diagnose({ metrics: meter.metrics, images: survey.images, ratios: meter });
  return makeReport({
    meter,
    mapFile,
    facts: { survey, largestBlock, connections, pause },
    values: values[values.length - 1] ?? new Float64Array(meter.metrics.length).fill(Number.NaN),
    diagnosis,
    overTime: judgeOverTime(meter.metrics, values, survey.times),
  });
}

const TRIES = 20;

/** Twenty requests on each other's heels, and twenty with a pause where some of the first failed. */
async function tryWithoutPause({ meter, link, signal }: CommissionOptions): Promise<Facts['pause']> {
  const span = spansToRead(meter)[0];
  if (span === undefined) return null;
  const failuresAt = async (pauseMs: number): Promise<number> => {
    let failures = 0;
    for (let i = 0; i < TRIES && !signal?.aborted; i++) {
      try {
        await link.read({ unitId: meter.unitId, ...span }, { timeoutMs: meter.timeoutMs, pauseMs });
      } catch (error) {
        if (!(error instanceof ModbusFailure)) throw error;
        if (error.exceptionCode === null || error.exceptionCode > 4) failures++;
      }
    }
    return failures;
  };
  const without = await failuresAt(0);
  if (without === 0) return { neededMs: null, text: `none needed: ${TRIES} requests without one were answered` };
  for (const pauseMs of [20, 50, 100]) {
    if ((await failuresAt(pauseMs)) === 0) {
      return { neededMs: pauseMs, text: `${pauseMs} ms: without one, ${without} of ${TRIES} requests failed` };
    }
  }
  return {
    neededMs: null,
    text: `${without} of ${TRIES} requests failed, and a pause of 100 ms did not help: look at the network`,
  };
}
