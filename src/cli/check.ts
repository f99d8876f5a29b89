// `emdc check`: what is wrong with a register map or a configuration, and how the meters would be read. Reads files only.

import { extname } from 'node:path';
import process from 'node:process';
import { Command } from 'commander';
import { formatProblem, InvalidInput, type Problem } from '../errors.js';
import type { Metric } from '../meter.js';
import { type PlanLimits, planBlocks } from '../plan/blocks.js';
import { loadFrom, withConfigOptions } from './config-options.js';
import { done, usage } from './exit.js';
import { counted } from './table.js';

interface CheckOptions {
  readonly worksheet?: string;
  readonly json?: true;
}

interface PlanSummary {
  /** Meter or map. */
  readonly name: string;
  readonly metrics: number;
  readonly requests: number;
  readonly registers: number;
}

interface Checked {
  readonly problems: readonly Problem[];
  readonly plans: readonly PlanSummary[];
}

export const checkCommand = (): Command =>
  withConfigOptions(new Command('check'))
    .description(
      'Checks a register map (.xlsx, .csv) or a configuration (.yaml): every problem with its place, then the read plan.',
    )
    .argument('[file]', 'a register map or a configuration file')
    .option('--json', 'problems and plans as JSON')
    .action(async (file: string | undefined, options: CheckOptions, command: Command) => {
      const checked = await check(file, options, command);
      const failed = checked.problems.some((problem) => problem.severity === 'error');
      process.stdout.write(options.json ? `${JSON.stringify(checked, null, 2)}\n` : textOf(checked));
      process.exitCode = failed ? usage : done;
    });

async function check(file: string | undefined, options: CheckOptions, command: Command): Promise<Checked> {
  if (file !== undefined && !/^\.ya?ml$/.test(extname(file).toLowerCase())) {
    const { checkRegisterMap } = await import('../register-map/load.js');
    const { map, problems } = checkRegisterMap(
      file,
      options.worksheet === undefined ? {} : { worksheet: options.worksheet },
    );
    const limits = { maxRegisters: map?.limits.maxRegisters ?? 125, maxGap: map?.limits.maxGap ?? 32 };
    return { problems, plans: map ? [summary(map.name, map.metrics, limits)] : [] };
  }
  try {
    const { config, warnings } = await loadFrom(command, file === undefined ? {} : { file });
    return { problems: warnings, plans: config.meters.map((meter) => summary(meter.name, meter.metrics, meter)) };
  } catch (error) {
    if (error instanceof InvalidInput) return { problems: error.problems, plans: [] };
    throw error;
  }
}

function summary(
  name: string,
  metrics: readonly Metric[],
  limits: Pick<PlanLimits, 'maxRegisters' | 'maxGap'>,
): PlanSummary {
  const { blocks } = planBlocks(metrics, limits);
  const registers = blocks.reduce((sum, block) => sum + block.count, 0);
  return { name, metrics: metrics.length, requests: blocks.length, registers };
}

function textOf({ problems, plans }: Checked): string {
  const lines = problems.map((problem) => `${problem.severity}: ${formatProblem(problem)}`);
  for (const { name, metrics, requests, registers } of plans) {
    lines.push(
      `${name}: ${counted(metrics, 'metric')} → ${counted(requests, 'request')}, ${counted(registers, 'register')}`,
    );
  }
  const errors = problems.filter((problem) => problem.severity === 'error').length;
  lines.push(`${counted(errors, 'error')}, ${counted(problems.length - errors, 'warning')}`);
  return `${lines.join('\n')}\n`;
}
