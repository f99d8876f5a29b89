// What a real Nexus 1272 recorded on 2017-06-06, as registers, and servers that are not ours to hold them: modbus-serial's,
// and pymodbus' from Debian (apt-get install python3-pymodbus).

import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import modbusSerial from 'modbus-serial';
import type { DataType } from '../../src/model/meter.js';
import { packageRoot } from '../../src/model/paths.js';

export const UNIT = 9;
const HIGH = 2 ** -16;

/** Name, wire address, type, scale, recorded value. */
export const RECORDED: readonly (readonly [string, number, DataType, number, number])[] = [
  ['Voltage_AN', 179, 'INT32', HIGH, 119.28846740722656],
  ['Voltage_BN', 181, 'INT32', HIGH, 118.99282836914062],
  ['Voltage_CN', 183, 'INT32', HIGH, 118.91802978515625],
  ['Current_N', 193, 'INT32', HIGH, 0],
  ['VA', 209, 'INT32', HIGH, 19478.405151367188],
  ['VAR', 217, 'INT32', HIGH, 1289.342041015625],
  ['W_A', 219, 'INT32', HIGH, 6357.7972412109375],
  ['W_B', 221, 'INT32', HIGH, 6439.4659423828125],
  ['W_C', 223, 'INT32', HIGH, 6638.4222412109375],
  ['W', 225, 'INT32', HIGH, 19435.685424804688],
  ['freq', 227, 'INT32', HIGH, 59.983673095703125],
  ['pf_A', 229, 'UINT16', 0.001, 0.996],
  ['pf_B', 230, 'UINT16', 0.001, 0.999],
  ['pf_C', 231, 'UINT16', 0.001, 0.997],
  ['pf', 232, 'UINT16', 0.001, 0.997],
  ['Angle_V_AN', 2594, 'INT16', 0.01, 0],
  ['Angle_V_BN', 2595, 'INT16', 0.01, -120.49],
  ['Angle_V_CN', 2596, 'INT16', 0.01, 120.14],
  ['Angle_I_A', 2597, 'INT16', 0.01, -4.5],
  ['Angle_I_B', 2598, 'INT16', 0.01, -123.24],
  ['Angle_I_C', 2599, 'INT16', 0.01, 115.78],
];

/** The registers of a meter that holds the recorded values; unmapped ones between them hold 0. */
export function registers(): Map<number, number> {
  const image = new Map<number, number>();
  for (let address = 175; address < 240; address++) image.set(address, 0);
  for (const [, address, dataType, scale, value] of RECORDED) {
    const raw = Math.round(value / scale);
    const words = dataType === 'INT32' ? [raw >> 16, raw] : [raw];
    for (const [i, word] of words.entries()) image.set(address + i, word & 0xffff);
  }
  return image;
}

/** The recorded registers; units other than the recorded one hold other numbers in every register. */
export function registersOf(unit: number): Map<number, number> {
  const image = registers();
  if (unit !== UNIT) for (const [address, word] of image) image.set(address, (word + unit * 257) & 0xffff);
  return image;
}

export interface ForeignServer {
  readonly port: number;
  close(): Promise<void>;
}

export async function startModbusSerial(): Promise<ForeignServer> {
  const image = registers();
  const server = new modbusSerial.ServerTCP(
    {
      getHoldingRegister: (address: number, _unit: number, done: (error: Error | null, value: number) => void) => {
        const word = image.get(address);
        // Its way to say exception 2.
        done(
          word === undefined ? Object.assign(new Error('no such register'), { modbusErrorCode: 2 }) : null,
          word ?? 0,
        );
      },
    },
    // A free port: the number 0 means 502 here.
    { host: '127.0.0.1', port: '0' as unknown as number, unitID: UNIT },
  );
  await new Promise((resolve, reject) => server.once('initialized', resolve).once('serverError', reject));
  const { port } = (server as unknown as { _server: { address(): { port: number } } })._server.address();
  return { port, close: () => new Promise<void>((resolve) => server.close(() => resolve())) };
}

/** The Python that has pymodbus; undefined: none. */
export const python = ['python3', '/usr/bin/python3'].find(
  (program) => spawnSync(program, ['-c', 'import pymodbus.server.async_io']).status === 0,
);

/** `mode`: the script's arguments. Without `units`, one unit with the recorded registers. */
export async function startPymodbus(
  program: string,
  { mode = [], units = [UNIT] }: { readonly mode?: readonly string[]; readonly units?: readonly number[] } = {},
): Promise<ForeignServer> {
  const script = join(packageRoot, 'test/support/pymodbus-server.py');
  const server = spawn(program, [script, ...mode], { stdio: ['pipe', 'pipe', 'inherit'] });
  const ended = once(server, 'exit');
  const images = Object.fromEntries(units.map((unit) => [unit, Object.fromEntries(registersOf(unit))]));
  server.stdin.write(`${JSON.stringify(images)}\n`);
  const [line] = await once(createInterface(server.stdout), 'line');
  return {
    port: Number(line),
    close: async () => {
      server.stdin.end();
      server.kill();
      await ended;
    },
  };
}
