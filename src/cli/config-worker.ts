// The thread that load-apart.ts starts: loads a configuration, answers once, ends.

import process from 'node:process';
import { parentPort, workerData } from 'node:worker_threads';
import { loadConfig } from '../config/load.js';
import { EmdcError, InvalidInput, messageOf } from '../model/errors.js';
import { checkRegisterMap } from '../register-map/load.js';
import type { Answer, Sources } from './config-thread.js';

async function answer(sources: Sources): Promise<Answer> {
  try {
    return { loaded: await loadConfig({ ...sources, env: process.env, loadMap: checkRegisterMap }) };
  } catch (error) {
    if (error instanceof InvalidInput) return { invalid: { what: error.what, problems: error.problems } };
    const { code, hint } = error instanceof EmdcError ? error : { code: null, hint: '' };
    return { failure: { code, message: messageOf(error), hint } };
  }
}

parentPort?.postMessage(await answer(workerData));
