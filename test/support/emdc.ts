// Runs the emdc command as a user does: a process of its own, its output and its exit code.

import { execFile } from 'node:child_process';
import process from 'node:process';
import { packageRoot } from '../../src/model/paths.js';

export interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export const emdc = (args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Ended> =>
  new Promise((resolve) => {
    const options = { env: { PATH: process.env['PATH'], ...env }, maxBuffer: 64e6 };
    execFile(process.execPath, [`${packageRoot}dist/src/main.js`, ...args], options, (error, stdout, stderr) =>
      resolve({ code: error ? Number(error.code) : 0, stdout, stderr }),
    );
  });
