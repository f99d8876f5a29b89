import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { formatProblem, InvalidInput } from '../../src/model/errors.js';
import { checkRegisterMap, loadRegisterMap } from '../../src/register-map/load.js';

const folder = mkdtempSync(join(tmpdir(), 'emdc-map-'));
after(() => rmSync(folder, { recursive: true }));

const header = 'Metric Name,Metric Description,Metric Address,Metric Size,Scaling Factor,Data Type';

function csv(text: string): string {
  const file = join(folder, 'map.csv');
  writeFileSync(file, text);
  return file;
}

const problemsOf = (text: string): string[] =>
  checkRegisterMap(csv(text)).problems.map((p) => `${p.severity} ${p.rule} ${p.place}`);

describe('loading a .csv map', () => {
  it('gives the six columns their meaning and the others their defaults', () => {
    const { map, problems } = loadRegisterMap(csv(`${header}\nVoltage_AN,Voltage A-N,4630,2,0.1,INT32\n`));
    assert.deepEqual(problems, []);
    assert.deepEqual(map.metrics, [
      {
        name: 'Voltage_AN',
        description: 'Voltage A-N',
        unit: '',
        dataType: 'INT32',
        kind: { type: 'gauge' },
        function: 'holding',
        address: 4630,
        size: 2,
        wordOrder: 'big',
        byteOrder: 'big',
        scale: 0.1,
        offset: 0,
        notAvailable: [],
        side: 'primary',
        exponent: null,
      },
    ]);
    assert.equal(map.name, 'map');
    assert.deepEqual(map.limits, { maxRegisters: null, maxGap: null, pauseMs: null, connectDelayMs: null });
  });

  it('finds the columns in any order and case, and reads the optional ones', () => {
    const { map } = loadRegisterMap(
      csv(
        [
          'data type;UNIT;scaling  factor;metric_name;Metric Description;Function;Metric Size;Metric Address;Word Order;Byte Order;Offset;Not Available;Kind;Side;Exponent',
          'INT32;kWh;1e-3;E;;input;2;0x1206;little;little;-5;0x80000000 -1;counter 1e6;secondary-power;SF',
          'INT16;;1;SF;;4;1;9;;;;;;;',
        ].join('\n'),
      ),
    );
    assert.deepEqual(map.metrics[0], {
      name: 'E',
      description: '',
      unit: 'kWh',
      dataType: 'INT32',
      kind: { type: 'counter', range: 1_000_000 },
      function: 'input',
      address: 0x1206,
      size: 2,
      wordOrder: 'little',
      byteOrder: 'little',
      scale: 0.001,
      offset: -5,
      notAvailable: [0x80000000n, 0xffffffffn],
      side: 'secondary-power',
      exponent: 'SF',
    });
  });

  it('reports every problem at once, each with its cell', () => {
    const text = `${header}\nA,,x,2,1,FLOAT32\nB,,70000,1,1,UINT16\nC,,1,1,"0,1",UINT16\nD,,2,2,1,INT3\nE,,3,1,1,UINT32\nA,,5,1,0,INT16\n`;
    assert.throws(
      () => loadRegisterMap(csv(text)),
      (error: unknown) => {
        assert.ok(error instanceof InvalidInput);
        assert.match(error.message, /map\.csv · F5 · "INT3" · expected one of UINT8, /);
        return true;
      },
    );
    assert.deepEqual(problemsOf(text), [
      'error not-a-number C2',
      'error address-out-of-range C3',
      'error decimal-comma E4',
      'error unknown-data-type F5',
      'error size-and-type-disagree D6',
      'error duplicate-name A7',
      'warning scale-zero E7',
    ]);
  });

  it('stops at the first row without a name, and says so where metrics follow', () => {
    const text = `${header}\nA,,1,1,1,UINT16\n,,,,,\nB,,2,1,1,UINT16\n`;
    const { map, problems } = loadRegisterMap(csv(text));
    assert.deepEqual(
      map.metrics.map((metric) => metric.name),
      ['A'],
    );
    assert.deepEqual(
      problems.map((p) => [p.rule, p.place]),
      [['empty-row', 'A3']],
    );
  });

  it('warns of one register read twice and of overlaps, and loads', () => {
    const text = `${header}\nA,,1,2,1,UINT32\nB,,1,2,1,INT32\nC,,2,1,1,INT16\n`;
    assert.deepEqual(problemsOf(text), ['warning same-address C3', 'warning overlap C4']);
  });

  it('takes an address such as 44631 for what it says, and names the likely one', () => {
    const { map, problems } = loadRegisterMap(csv(`${header}\nA,,44631,2,1,FLOAT32\n`));
    assert.equal(map.metrics[0]?.address, 44631);
    assert.match(problems.map(formatProblem).join(), /C2 · "44631" · .*address 4630: if so, write that/);
  });
});

describe('a file that is no map', () => {
  it('is reported, not thrown as a parser error', () => {
    const file = join(folder, 'map.xlsx');
    writeFileSync(file, '%PDF-1.7');
    assert.throws(() => loadRegisterMap(file), /map\.xlsx is not an \.xlsx file/);
    assert.throws(() => loadRegisterMap(join(folder, 'absent.xlsx')), /absent\.xlsx cannot be read: ENOENT/);
    const pipe = join(folder, 'pipe.csv');
    execFileSync('mkfifo', [pipe]);
    assert.throws(() => loadRegisterMap(pipe), /pipe\.csv cannot be read: it is not a regular file/);
    assert.throws(() => loadRegisterMap(join(folder, 'map.pdf')), /neither an \.xlsx nor a \.csv file/);
  });
});
