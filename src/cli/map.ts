// `emdc map`: starts register maps.

import { writeFileSync } from 'node:fs';
import { extname } from 'node:path';
import process from 'node:process';
import { Command } from 'commander';
import { EmdcError, messageOf } from '../model/errors.js';
import { usage } from './exit.js';

export const mapCommand = (): Command =>
  new Command('map').description('Register maps: start a new one.').addCommand(
    new Command('new')
      .description(
        'Writes an empty register map: every column with a note that says what it means, and lists to choose from.',
      )
      .argument('<file>', 'the .xlsx file to write; it must not exist yet')
      .action(async (file: string, _options: unknown, command: Command) => {
        const { newMap } = await import('../register-map/template.js');
        const target = extname(file) === '' ? `${file}.xlsx` : file;
        if (!/\.xlsx$/i.test(target))
          command.error(`error: a new map is an .xlsx file, not ${extname(target)}`, { exitCode: usage });
        writeNew(target, newMap());
        process.stdout.write(`${target} written. Fill in the sheet Metrics, then: emdc check ${target}\n`);
      }),
  );

function writeNew(file: string, bytes: Buffer): void {
  try {
    writeFileSync(file, bytes, { flag: 'wx' });
  } catch (error) {
    throw new EmdcError({
      code: 'unwritable-file',
      message: `${file} cannot be written: ${messageOf(error)}`,
      hint: 'Choose a name that does not exist yet, in a folder that you may write to.',
      cause: error,
    });
  }
}
