// The simulator as a server, asked by a client that is not ours and by bare sockets.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { afterEach, beforeEach, describe, test } from 'node:test';
import modbusSerial from 'modbus-serial';
import { EmdcError } from '../../src/model/errors.js';
import { faultNamed } from '../../src/simulate/faults.js';
import { type MeterServer, startMeterServer } from '../../src/simulate/meter-server.js';
import { RegisterImage } from '../../src/simulate/register-image.js';

describe('the meter server', { timeout: 60_000 }, () => {
  let server: MeterServer;

  beforeEach(async () => {
    const image = new RegisterImage({ maxRegisters: 50 });
    image.set(
      'holding',
      10,
      Array.from({ length: 100 }, (_, i) => i),
    );
    image.set('coil', 0, [1, 0, 0, 1, 1, 0, 0, 0, 1]);
    server = await startMeterServer({ units: [{ unitId: 1, image }], unknownUnit: 11 });
  });
  afterEach(() => server.close());

  /** Sends the PDUs in one write; resolves to the PDUs of as many answers. */
  async function ask(pdus: readonly string[], unitId = 1): Promise<string[]> {
    const socket = connect(server.port, server.host);
    const frames = pdus.map((hex, id) => {
      const pdu = Buffer.from(hex, 'hex');
      return Buffer.concat([Buffer.from([0, id, 0, 0, 0, pdu.length + 1, unitId]), pdu]);
    });
    socket.write(Buffer.concat(frames));
    let received = Buffer.alloc(0);
    const answers: string[] = [];
    while (answers.length < pdus.length) {
      received = Buffer.concat([received, (await once(socket, 'data'))[0] as Buffer]);
      while (received.length >= 6 && received.length >= 6 + received.readUInt16BE(4)) {
        const end = 6 + received.readUInt16BE(4);
        assert.equal(received.readUInt16BE(0), answers.length, 'answers come in the order of the requests');
        answers.push(received.subarray(7, end).toString('hex'));
        received = received.subarray(end);
      }
    }
    socket.destroy();
    return answers;
  }

  test('answers reads, and refuses what it should with the right exception', async () => {
    assert.deepEqual(
      await ask([
        '03000a0002', // two registers
        '0100000009', // nine coils
        '0300090002', // one register before the first
        '03006d0002', // one behind the last
        '03fffe0003', // beyond the last address
        '03000a0000', // none
        '03000a0033', // more than this meter takes
        '03000a00fb', // more than Modbus allows
        '04000a0001', // a table without registers
        '0600010001', // a write
        '10000a00010200ff', // another
        '2b0e0100', // device identification
      ]),
      ['030400000001', '01021901', '8302', '8302', '8302', '8303', '8303', '8303', '8402', '8601', '9001', 'ab01'],
    );
  });

  test('answers for units that do not exist as it is told to', async () => {
    assert.deepEqual(await ask(['03000a0002'], 77), ['830b']);
  });

  test('is understood by a foreign client, and keeps a log', async () => {
    const client = new modbusSerial.default();
    await client.connectTCP(server.host, { port: server.port });
    client.setID(1);
    assert.deepEqual((await client.readHoldingRegisters(20, 3)).data, [10, 11, 12]);
    assert.deepEqual((await client.readCoils(0, 5)).data.slice(0, 5), [true, false, false, true, true]);
    await new Promise<void>((resolve) => client.close(() => resolve()));
    assert.deepEqual(
      server.requests.map(({ unitId, functionCode, start, count }) => [unitId, functionCode, start, count]),
      [
        [1, 3, 20, 3],
        [1, 1, 0, 5],
      ],
    );
    assert.equal(server.requestCount, 2);
    assert.equal(server.connectionCount, 1);
  });

  test('drops who does not speak Modbus', async () => {
    const socket = connect(server.port, server.host);
    socket.on('error', () => {});
    socket.write('GET / HTTP/1.1\r\n\r\n');
    await once(socket, 'close');
    assert.equal(server.requestCount, 0);
  });

  test('can be closed twice', async () => {
    await server.close();
    await server.close();
  });
});

test('a fault that nobody knows is refused with the list of those known', () => {
  for (const name of ['refuze', 'silent:3', 'exception:x', '', 'constructor']) {
    assert.throws(
      () => faultNamed(name),
      (error: unknown) => error instanceof EmdcError && /answer-twice/.test(error.hint),
    );
  }
  assert.equal(faultNamed('exception:11').name, 'exception:11');
});
