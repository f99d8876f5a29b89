// `npm run soak -- --cycles 200000 --seed 1`: one line of figures now and then, 0 if nothing was wrong.

import process from 'node:process';
import { parseArgs } from 'node:util';
import { type SoakResult, soak } from './soak.js';

const { values } = parseArgs({ options: { cycles: { type: 'string' }, seed: { type: 'string' } } });
const cycles = Number(values.cycles ?? 86_400);
const seed = Number(values.seed ?? Date.now() % 1_000_000);
const started = performance.now();

function say(result: SoakResult): void {
  const { cycles: done, values: verified, wrong, faults, requests, heapMB, rssMB, handles } = result;
  const seconds = Math.round((performance.now() - started) / 1000);
  console.log(
    `${done} cycles (${(done / 3600).toFixed(1)} h simulated, ${seconds} s): ${verified} values verified, ${wrong.length} wrong, ` +
      `${faults} faults, ${requests} requests, heap ${heapMB} MB, rss ${rssMB} MB, ${handles} handles`,
  );
}

console.log(`soak of ${cycles} cycles, seed ${seed}`);
const result = await soak({ cycles, seed, onProgress: say });
console.log('missing, by reason:', result.missing);
for (const wrong of result.wrong.slice(0, 20)) console.log(wrong);
process.exitCode = result.wrong.length === 0 ? 0 : 1;
