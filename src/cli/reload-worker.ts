// The thread that reload.ts starts: loads a configuration, answers once, ends.

import process from 'node:process';
import { parentPort, workerData } from 'node:worker_threads';
import { loadConfig } from '../config/load.js';
import { messageOf } from '../errors.js';
import { checkRegisterMap } from '../register-map/load.js';
import type { Answer, Sources } from './reload.js';

async function answer(sources: Sources): Promise<Answer> {
  try {
    return { loaded: await loadConfig({ ...sources, env: process.env, loadMap: checkRegisterMap }) };
  } catch (error) {
    return { error: messageOf(error) };
  }
}

parentPort?.postMessage(await answer(workerData));
