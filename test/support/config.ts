// Loads configurations in tests: a folder with one YAML file, and a register map that is made up.

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ConfigSources, type LoadedConfig, loadConfig } from '../../src/config/load.js';
import type { MapLoader } from '../../src/config/meters.js';
import { formatProblem, InvalidInput, type Problem } from '../../src/model/errors.js';
import type { Metric, RegisterMap } from '../../src/model/meter.js';
import { metric } from './metric.js';

export interface GivenConfig extends Partial<Omit<ConfigSources, 'flags'>> {
  readonly yaml?: string;
  readonly flags?: Readonly<Record<string, string>>;
  readonly metrics?: readonly Metric[];
  readonly map?: Partial<RegisterMap>;
}

const noLimits = { maxRegisters: null, maxGap: null, pauseMs: null, connectDelayMs: null };

export class ConfigFolder {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  /** With an empty `map.xlsx`. */
  static async make(): Promise<ConfigFolder> {
    const path = await mkdtemp(join(tmpdir(), 'emdc-config-'));
    await writeFile(join(path, 'map.xlsx'), '');
    return new ConfigFolder(path);
  }

  remove(): Promise<void> {
    return rm(this.path, { recursive: true });
  }

  async load({ yaml, flags, metrics, map, ...rest }: GivenConfig): Promise<LoadedConfig> {
    const file = yaml === undefined ? null : join(this.path, 'site.yaml');
    if (file !== null) await writeFile(file, yaml ?? '');
    const loadMap: MapLoader = (mapFile) => ({
      map: {
        name: 'map',
        file: mapFile,
        metrics: metrics ?? [metric({ name: 'V', unit: 'V' })],
        limits: noLimits,
        identity: { serialNumber: null, model: null, firmware: null },
        ...map,
      },
      problems: [],
    });
    return loadConfig({
      file,
      env: {},
      loadMap,
      workingDirectory: this.path,
      ...rest,
      flags: new Map(Object.entries(flags ?? {})),
    });
  }

  /** None where it loads. */
  async problems(given: GivenConfig): Promise<readonly Problem[]> {
    try {
      await this.load(given);
    } catch (error) {
      if (error instanceof InvalidInput) return error.problems;
      throw error;
    }
    return [];
  }

  /** Problems as a person sees them, without the folder. */
  async lines(given: GivenConfig): Promise<string[]> {
    return (await this.problems(given)).map((problem) => this.line(problem));
  }

  async warnings(given: GivenConfig): Promise<string[]> {
    return (await this.load(given)).warnings.map((problem) => this.line(problem));
  }

  line(problem: Problem): string {
    return formatProblem(problem).replaceAll(`${this.path}/`, '');
  }
}
