// `emdc check`: what is wrong with a register map or a configuration, and how the meters would be read. Reads files only,
// but for the corrected copy that `--fix` writes.

import { extname } from 'node:path';
import process from 'node:process';
import type { Command } from 'commander';
import { systemClock } from '../model/clock.js';
import { formatProblem, InvalidInput, type Problem } from '../model/errors.js';
import { silentLog } from '../model/log.js';
import { linkKeyOf, type Meter, type Metric } from '../model/meter.js';
import { limitsOf, type PlanLimits, planBlocks } from '../plan/blocks.js';
import { describePlan, describeRefusal, type PlanSummary, summarizePlan } from '../plan/explain.js';
import { explainLoad, type LinkLoad, linkLoads, type MeterLoad } from '../plan/link-load.js';
import { learnedPlansFile, openLearnedPlans } from '../plan/refused-registers.js';
import { configCommand, loadFrom, withExamples } from './config-options.js';
import { done, usage } from './exit.js';
import { findMap } from './maps.js';
import { counted } from './table.js';

interface CheckOptions {
  readonly worksheet?: string;
  readonly json?: true;
  readonly fix?: true;
}

interface NamedPlan extends PlanSummary {
  /** Meter or map. */
  readonly name: string;
  readonly map: string;
  /** What the meter was found to refuse, which the plan avoids. */
  readonly learned: readonly string[];
}

interface Checked {
  readonly problems: readonly Problem[];
  readonly plans: readonly NamedPlan[];
  /** Whether the links of a configuration can carry their meters; none for a map. */
  readonly links: readonly LinkLoad[];
  /** The corrected copy that `--fix` has written; `problems` and `plans` are then those of the copy. */
  readonly fixed?: { readonly file: string | null; readonly problems: number };
}

/** Of the configuration's keys, where neither map nor flags say otherwise. */
const DEFAULTS = { maxRegisters: 125, maxGap: 32, pauseMs: 0 };

export const checkCommand = (): Command =>
  withExamples(configCommand('check'), ['check site.yaml', 'check my-meter.xlsx', 'check my-meter.csv --fix'])
    .description(
      'Checks a register map (.xlsx, .csv) or a configuration (.yaml): every problem with its place, then the read plan.',
    )
    .argument('[file]', 'a register map, the name of a shipped one, or a configuration file')
    .option('--json', 'problems and plans as JSON')
    .option('--fix', 'write a corrected copy of the map, NAME.fixed.xlsx, where the mending is mechanical')
    .action(async (file: string | undefined, options: CheckOptions, command: Command) => {
      const isMap = file !== undefined && !/^\.ya?ml$/.test(extname(file).toLowerCase());
      if (options.fix && !isMap) command.error('error: --fix takes a register map', { exitCode: usage });
      const checked = isMap ? await checkMap(findMap(file), options) : await checkConfig(file, command);
      const failed = checked.problems.some((problem) => problem.severity === 'error');
      process.stdout.write(options.json ? `${JSON.stringify(checked, null, 2)}\n` : textOf(checked, isMap));
      process.exitCode = failed ? usage : done;
    });

async function checkMap(file: string, { worksheet, fix }: CheckOptions): Promise<Checked> {
  const { checkRegisterMap } = await import('../register-map/load.js');
  const options = worksheet === undefined ? {} : { worksheet };
  if (fix) {
    const { fixMap } = await import('../register-map/fix.js');
    const fixed = fixMap(file, options);
    const left = await checkMap(fixed.file ?? file, options);
    return { ...left, fixed: { file: fixed.file, problems: fixed.fixed } };
  }
  const { map, problems } = checkRegisterMap(file, options);
  const limits = {
    maxRegisters: map?.limits.maxRegisters ?? DEFAULTS.maxRegisters,
    maxGap: map?.limits.maxGap ?? DEFAULTS.maxGap,
    pauseMs: map?.limits.pauseMs ?? DEFAULTS.pauseMs,
  };
  return { problems, plans: map ? [{ ...planOf(map.name, map.metrics, limits), map: map.name }] : [], links: [] };
}

async function checkConfig(file: string | undefined, command: Command): Promise<Checked> {
  try {
    const { config, warnings } = await loadFrom(command, file === undefined ? {} : { file });
    const learned = await openLearnedPlans({
      file: learnedPlansFile(config.spool.directory),
      clock: systemClock,
      log: silentLog,
    });
    const plans = config.meters.map((meter) => ({
      ...planOf(meter.name, meter.metrics, { ...meter, ...limitsOf(meter), learned: learned.get(meter) }),
      map: meter.mapName,
      learned: learned.refusals(meter).map(describeRefusal),
    }));
    return { problems: warnings, plans, links: linkLoads(config.meters.map((meter, i) => loadOf(meter, plans[i]))) };
  } catch (error) {
    if (error instanceof InvalidInput) return { problems: error.problems, plans: [], links: [] };
    throw error;
  }
}

function loadOf(meter: Meter, plan: NamedPlan | undefined): MeterLoad {
  const { endpoint } = meter;
  return {
    link: linkKeyOf(meter),
    requests: plan?.requests ?? 0,
    roundTripMs: null,
    pauseMs: meter.pauseMs,
    intervalMs: meter.schedule.intervalMs,
    ...(endpoint?.type === 'serial' ? { serial: { line: endpoint.line, blocks: plan?.blocks ?? [] } } : {}),
  };
}

function planOf(
  name: string,
  metrics: readonly Metric[],
  limits: PlanLimits & { readonly pauseMs: number },
): Omit<NamedPlan, 'map'> {
  return { name, learned: [], ...summarizePlan(planBlocks(metrics, limits), metrics, limits.pauseMs) };
}

function textOf({ problems, plans, links, fixed }: Checked, isMap: boolean): string {
  const lines = problems.map((problem) => {
    const mending = 'fix' in problem && problem.fix !== null ? ' (--fix does it)' : '';
    return `${problem.severity} ${problem.rule}: ${formatProblem(problem)}${mending}`;
  });
  lines.push(...(isMap ? plans.map(mapPlan) : sitePlans(plans)));
  lines.push(...links.map(explainLoad));
  if (fixed?.file) lines.push(`${fixed.file} written: ${counted(fixed.problems, 'problem')} mended, the rest is above`);
  if (fixed && fixed.file === null) lines.push('nothing to mend mechanically, nothing written');
  const errors = problems.filter((problem) => problem.severity === 'error').length;
  lines.push(`${counted(errors, 'error')}, ${counted(problems.length - errors, 'warning')}`);
  return `${lines.join('\n')}\n`;
}

/** A map's plan, request by request. */
function mapPlan(plan: NamedPlan): string {
  const [first = '', ...rest] = describePlan(plan).split('\n');
  return [`${plan.name}: ${first}`, ...rest.map((line) => `  ${line}`)].join('\n');
}

/** One line for the meters of a map that are read alike, and what some of them refuse. */
function sitePlans(plans: readonly NamedPlan[]): string[] {
  const groups = new Map<string, NamedPlan[]>();
  for (const plan of plans) {
    const text = `${plan.map}\n${describePlan(plan).split('\n')[0]}`;
    groups.set(text, [...(groups.get(text) ?? []), plan]);
  }
  return [...groups].flatMap(([text, alike]) => {
    const [map = '', plan = ''] = text.split('\n');
    const [only] = alike;
    const head = alike.length === 1 ? `${only?.name} (${map}): ${plan}` : `${alike.length} × ${map}: ${plan} each`;
    return [head, ...alike.flatMap(({ name, learned }) => learned.map((refusal) => `  ${name} ${refusal}`))];
  });
}
