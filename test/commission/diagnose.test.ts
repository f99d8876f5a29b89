import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encodeMetric } from '../../src/codec/encode.js';
import { type Correction, correctedMetrics, diagnose } from '../../src/commission/diagnose.js';
import { RegisterImage } from '../../src/commission/register-snapshot.js';
import type { Metric } from '../../src/model/meter.js';
import { metric } from '../support/metric.js';
import { threePhaseValues } from '../support/three-phase.js';

const ratios = { ctRatio: 1, ptRatio: 1 };

/** Metrics in a row of registers, as most meters have them. */
function layOut(dataType: 'FLOAT32' | 'INT32', scales: Readonly<Record<string, number>> = {}): Metric[] {
  return Object.keys(threePhaseValues(0)).map((name, index) => {
    const unit = /^Voltage/.test(name)
      ? 'V'
      : /^Current/.test(name)
        ? 'A'
        : /^freq/.test(name)
          ? 'Hz'
          : /^pf/.test(name)
            ? ''
            : (name.split('_')[0] ?? '');
    const scale = dataType === 'FLOAT32' ? 1 : (scales[unit] ?? 0.001);
    return metric({ name, unit, dataType, size: 2, address: 100 + 2 * index, scale });
  });
}

/** What the meter holds in three rounds; `metrics` are the right ones. Neighbours of the map hold small integers. */
function imagesOf(metrics: readonly Metric[]): RegisterImage[] {
  return [0, 1, 2].map((round) => {
    const image = new RegisterImage();
    const last = metrics[metrics.length - 1]?.address ?? 0;
    image.put('holding', 96, Buffer.alloc(2 * (last + 10 - 96), 0x01));
    const values = threePhaseValues(round);
    for (const m of metrics) {
      const words = Buffer.alloc(4);
      for (const [i, word] of encodeMetric(m, values[m.name] ?? 0).entries()) words.writeUInt16BE(word, 2 * i);
      image.put('holding', m.address, words);
    }
    return image;
  });
}

const at = (metrics: readonly Metric[], name: string): number => metrics.findIndex((m) => m.name === name);

for (const dataType of ['FLOAT32', 'INT32'] as const) {
  const right = layOut(dataType);
  const images = imagesOf(right);

  const explains = (broken: readonly Metric[]): readonly Correction[] => {
    const { findings, corrections, unexplained } = diagnose({ metrics: broken, images, ratios });
    assert.ok(findings.length > 0 || corrections.length > 0, 'nothing was found wrong');
    assert.deepEqual(unexplained, []);
    const mended = correctedMetrics(broken, corrections);
    for (const [index, m] of right.entries()) {
      const { address, wordOrder, scale, name } = mended[index] as Metric;
      assert.deepEqual(
        { name, address, wordOrder, scale },
        { name: m.name, address: m.address, wordOrder: m.wordOrder, scale: m.scale },
      );
    }
    return corrections;
  };

  test(`a right ${dataType} map gets no finding and no correction`, () => {
    const { findings, corrections } = diagnose({ metrics: right, images, ratios });
    assert.deepEqual({ findings, corrections }, { findings: [], corrections: [] });
  });

  for (const by of [-2, -1, 1, 2]) {
    test(`a ${dataType} map with every address ${by} off is named so by one correction`, () => {
      const corrections = explains(right.map((m) => ({ ...m, address: m.address + by })));
      assert.equal(corrections.length, 1);
      assert.equal(corrections[0]?.kind, 'shift');
    });
  }

  test(`a ${dataType} map with exchanged words is named so by one correction`, () => {
    const corrections = explains(right.map((m) => ({ ...m, wordOrder: 'little' as const })));
    assert.deepEqual(
      corrections.map((c) => c.kind),
      ['swap-words'],
    );
  });

  for (const unit of ['V', 'A', 'W', 'Hz']) {
    test(`a ${dataType} map whose ${unit} are scaled ten times too large is named so`, () => {
      const corrections = explains(right.map((m) => (m.unit === unit ? { ...m, scale: m.scale * 10 } : m)));
      assert.ok(corrections.every((c) => c.kind === 'scale' && Math.abs(c.factor - 0.1) < 1e-9));
    });
  }

  for (const [a, b] of [
    ['Voltage_AN', 'Voltage_BN'],
    ['Current_B', 'Current_C'],
    ['W_A', 'W_C'],
  ] as const) {
    test(`a ${dataType} map with ${a} and ${b} crossed is named so`, () => {
      const [i, j] = [at(right, a), at(right, b)];
      const broken = right.map((m, index) => ({
        ...m,
        address: right[index === i ? j : index === j ? i : index]?.address ?? 0,
      }));
      const corrections = explains(broken);
      assert.deepEqual(corrections, [{ kind: 'exchange', metrics: [i, j] }]);
    });
  }

  for (const name of ['Voltage_BN', 'Current_A', 'W', 'freq']) {
    test(`a ${dataType} map with the single row ${name} one register off is named so`, () => {
      const row = at(right, name);
      const corrections = explains(right.map((m, index) => (index === row ? { ...m, address: m.address + 1 } : m)));
      assert.deepEqual(corrections, [{ kind: 'shift', metrics: [row], by: -1 }]);
    });
  }
}
