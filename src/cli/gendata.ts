// `emdc gendata`: sample data into the database, from the ancestor's data generation files.

import { readFile } from 'node:fs/promises';
import process from 'node:process';
import type { Command } from 'commander';
import { generate, totalSamples } from '../gendata/generate.js';
import { parseSeries } from '../gendata/series.js';
import { createLogger } from '../log/logger.js';
import { EmdcError, messageOf } from '../model/errors.js';
import { openBulk } from '../store/bulk.js';
import { configCommand, loadFrom, printWarnings } from './config-options.js';
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
      'Generates sample data into database.url: sums of cosines and sines with an offset and a random spread. Series on one topic add up; what a topic has in the range of its series is replaced. Keys: start, end, topic_name, sample_rate, period, amplitude_cos, amplitude_sin, amplitude_offset, spread.',
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
      const bulk = await openBulk({ url: loaded.config.database.url, meters: loaded.meterCount, log: logger.log });
      const progress = startProgress('generating');
      try {
        const total = totalSamples(series);
        const onProgress = (written: number) => progress.show(written, total);
        const { topics, removed, written } = await generate(series, { bulk, random: Math.random, onProgress });
        progress.stop();
        process.stdout.write(`${written} readings of ${topics} topics written, ${removed} replaced\n`);
      } finally {
        progress.stop();
        await bulk.close();
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
