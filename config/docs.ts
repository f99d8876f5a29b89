// The parts of the documentation that are generated: config/example.yaml, and what stands between `<!-- NAME:begin -->` and
// `<!-- NAME:end -->` in a README. `npm run docs` writes them; a test holds them equal to what is generated.

import { readFileSync, writeFileSync } from 'node:fs';
import process from 'node:process';
import { pathToFileURL } from 'node:url';
import { commands } from '../src/cli/commands.js';
import { packageRoot } from '../src/model/paths.js';
import { exampleYaml, metersTable, settingsTable } from './describe.js';
import { performanceSection } from './performance.js';
import { errorTable, logTable } from './reference.js';

export const exampleFile = `${packageRoot}config/example.yaml`;
export const readmeFile = `${packageRoot}README.md`;
/** All documents; some have generated sections. */
export const documents: readonly string[] = [
  'README.md',
  'config/README.md',
  'prisma/README.md',
  'src/README.md',
  'src/cli/README.md',
  'src/collect/README.md',
  'src/config/README.md',
  'src/http/README.md',
  'src/log/README.md',
  'src/modbus/README.md',
  'src/plan/README.md',
  'src/record/README.md',
  'src/schedule/README.md',
  'src/simulate/README.md',
  'src/store/README.md',
  'test/README.md',
  'test/bench/README.md',
  'test/faults/README.md',
].map((file) => `${packageRoot}${file}`);

const commandTable = (): string =>
  [
    '| command | what it does |',
    '|---|---|',
    ...commands.map(({ name, summary }) => `| \`emdc ${name}\` | ${summary} |`),
  ].join('\n');

/** What belongs between the markers of each name. */
export const sections: Readonly<Record<string, () => string>> = {
  commands: commandTable,
  settings: settingsTable,
  meters: metersTable,
  errors: errorTable,
  log: logTable,
  bench: performanceSection,
};

/** The text with every known section as it should be. */
export function fillSections(text: string): string {
  return text.replaceAll(
    /(<!-- (\w+):begin -->\n)[\s\S]*?(<!-- \2:end -->)/g,
    (whole, begin: string, name: string, end: string) => {
      const section = sections[name];
      return section ? `${begin}${section()}\n${end}` : whole;
    },
  );
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  writeFileSync(exampleFile, exampleYaml());
  for (const file of documents) writeFileSync(file, fillSections(readFileSync(file, 'utf8')));
}
