import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type Installation, PHASES, type PhaseState, stateAt } from '../../src/simulate/waveform.js';

const HOUR_MS = 3_600_000;
const START = Date.UTC(2026, 5, 1);
const installation: Installation = { voltage: 277, current: 100, frequency: 60, seed: 4 };

describe('the simulated installation', { timeout: 60_000 }, () => {
  test('is the same for the same seed and time, and another for another seed', () => {
    assert.deepEqual(stateAt(installation, START), stateAt(installation, START));
    assert.notDeepEqual(stateAt(installation, START), stateAt({ ...installation, seed: 5 }, START));
    assert.notDeepEqual(stateAt(installation, START), stateAt(installation, START + 1000));
  });

  test('obeys W² + VAR² = VA² and VA = V × A, near its nominal values, all day', () => {
    for (let minute = 0; minute < 1440; minute += 7) {
      const state = stateAt(installation, START + minute * 60_000);
      assert.ok(Math.abs(state.frequency - 60) < 0.05);
      for (const name of PHASES) {
        const p = state.phases[name];
        assert.ok(Math.abs(Math.hypot(p.activePower, p.reactivePower) - p.apparentPower) < 1e-6);
        assert.ok(Math.abs(p.voltage * p.current - p.apparentPower) < 1e-6);
        assert.ok(Math.abs(p.voltage / 277 - 1) < 0.02);
        assert.ok(p.activePower > 0 && p.current > 10 && p.current < 250);
      }
    }
  });

  test('counts the energy that its power makes, and never backwards', () => {
    const steps = 7200;
    for (const [energy, power] of [
      ['activeEnergy', 'activePower'],
      ['reactiveEnergy', 'reactivePower'],
    ] as const satisfies readonly (readonly [keyof PhaseState, keyof PhaseState])[]) {
      let sum = 0;
      let last = stateAt(installation, START).phases.B[energy];
      for (let step = 0; step < steps; step++) {
        const from = START + step * 1000;
        sum += stateAt(installation, from + 500).phases.B[power] / 3600;
        const now = stateAt(installation, from + 1000).phases.B[energy];
        assert.ok(now > last);
        last = now;
      }
      const counted =
        stateAt(installation, START + 2 * HOUR_MS).phases.B[energy] - stateAt(installation, START).phases.B[energy];
      assert.ok(Math.abs(counted / sum - 1) < 1e-6, `${counted} against ${sum}`);
    }
  });
});
