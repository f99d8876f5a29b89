// `emdc gendata`: sample data into the database, from the ancestor's data generation files.

import { readFile } from 'node:fs/promises';
import process from 'node:process';
import type { Command } from 'commander';
import { generate, totalSamples } from '../gendata/generate.js';
import { parseSeries } from '../gendata/series.js';
import { KnownMetrics, storedMeters } from '../import/known-metrics.js';
import { createLogger } from '../log/logger.js';
import { EmdcError, messageOf } from '../model/errors.js';
import type { Batch } from '../model/poll.js';
import { openStore } from '../store/open.js';
import { openReader } from '../store/read.js';
import { configCommand, loadFrom, printWarnings } from './config-options.js';
import { makeRollups } from './import.js';
import { anyNumber } from './option-values.js';
import { startProgress } from './progress.js';

interface Options {
  readonly topicName?: string;
  readonly sampleRate?: number;
  readonly spread?: number;
}

export const gendataCommand = (): Command =>
  configCommand('gendata', { meters: 'none' })
    .argument('<file>', 'JSON list of series, comments allowed')
    .description(
      'Generates sample data into database.url: sums of cosines and sines with an offset and a random spread. Series on one topic add up; a value that a topic has at the same time is replaced. Keys: start, end, topic_name, sample_rate, period, amplitude_cos, amplitude_sin, amplitude_offset, spread.',
    )
    .option('--topic-name <name>', "in place of the file's")
    .option('--sample-rate <per second>', "in place of the file's", anyNumber)
    .option('--spread <value>', "in place of the file's", anyNumber)
    .action(async (file: string, options: Options, command: Command) => {
      const loaded = await loadFrom(command, { meters: 'none' });
      printWarnings(loaded);
      const { topicName: topic, sampleRate: samplesPerSecond, spread } = options;
      const series = parseSeries(await textOf(file), file, { topic, samplesPerSecond, spread });
      const logger = createLogger(loaded.config.log);
      const { database, timezone } = loaded.config;
      const store = await openStore({
        url: database.url,
        meters: loaded.meterCount,
        log: logger.log,
        timezone,
        collector: 'import',
      });
      const progress = startProgress('generating');
      try {
        const target = await openReader(database.url);
        const known = new KnownMetrics([], await storedMeters(target).finally(() => target.close()));
        const total = totalSamples(series);
        const onProgress = (written: number) => progress.show(written, total);
        const write = (batch: Batch) => store.write(batch);
        const { topics, written } = await generate(series, { write, known, random: Math.random, onProgress });
        await makeRollups(store, progress);
        process.stdout.write(`${written} readings of ${topics} topics written\n`);
      } finally {
        progress.stop();
        await store.close();
        await logger.close();
      }
    });

async function textOf(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    throw new EmdcError({ code: 'unreadable-file', message: `cannot read ${file}: ${messageOf(error)}` });
  }
}
