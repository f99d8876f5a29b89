// A Modbus TCP server for tests, demos and trials: several units behind one port, answers as the standard has them, and
// faults on demand. Answers reads only. (jsmodbus' own server answers in the wrong order and dies on a reset.)

import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import type { RegisterFunction } from '../model/meter.js';
import { type ConnectionFault, type Fault, faultNamed, type Step } from './faults.js';
import type { RegisterImage } from './register-image.js';

export interface SimulatedUnit {
  readonly unitId: number;
  readonly image: RegisterImage;
  /** Called before every answer: brings the image up to date. */
  readonly refresh?: () => void;
}

export interface MeterServerOptions {
  readonly units: readonly SimulatedUnit[];
  readonly host?: string;
  /** 0: any free one. */
  readonly port?: number;
  readonly latencyMs?: number;
  /** What a request to a unit that does not exist gets: nothing, or an exception 10 or 11; default nothing. */
  readonly unknownUnit?: 'silence' | 10 | 11;
  /** Newest requests kept in the log; default 10,000, 0: none. */
  readonly logged?: number;
}

export interface RequestRecord {
  /** ms UTC */
  readonly time: number;
  /** Counts connections from 1. */
  readonly connection: number;
  readonly unitId: number;
  readonly functionCode: number;
  readonly start: number;
  readonly count: number;
}

export interface FaultScope {
  /** Left out: all units. */
  readonly unitId?: number;
  /** Share of the requests that meet it, 0–1; default all. */
  readonly rate?: number;
  readonly random?: () => number;
}

interface ActiveFault {
  readonly faults: readonly Fault[];
  readonly rate: number;
  readonly random: () => number;
  turn: number;
}

export async function startMeterServer(options: MeterServerOptions): Promise<MeterServer> {
  const server = new MeterServer(options);
  await server.listen(options.port ?? 0);
  return server;
}

export class MeterServer {
  readonly host: string;
  /** The newest requests, oldest first. */
  readonly requests: RequestRecord[] = [];
  requestCount = 0;
  /** Connections accepted so far. */
  connectionCount = 0;
  readonly #units: Map<number, SimulatedUnit>;
  readonly #latencyMs: number;
  readonly #unknownUnit: 'silence' | 10 | 11;
  readonly #logged: number;
  readonly #sockets = new Set<Socket>();
  readonly #unitFaults = new Map<number | null, ActiveFault>();
  #connectionFault: ConnectionFault = {};
  #server: Server | null = null;
  #port = 0;

  constructor(options: MeterServerOptions) {
    const { units, host = '127.0.0.1', latencyMs = 0, unknownUnit = 'silence', logged = 10_000 } = options;
    this.host = host;
    this.#units = new Map(units.map((unit) => [unit.unitId, unit]));
    this.#latencyMs = latencyMs;
    this.#unknownUnit = unknownUnit;
    this.#logged = logged;
  }

  get port(): number {
    return this.#port;
  }

  get openConnections(): number {
    return this.#sockets.size;
  }

  image(unitId: number): RegisterImage {
    const unit = this.#units.get(unitId);
    if (!unit) throw new Error(`no unit ${unitId} here`);
    return unit.image;
  }

  setRegisters(unitId: number, start: number, words: Iterable<number>, name: RegisterFunction = 'holding'): void {
    this.image(unitId).set(name, start, words);
  }

  /** Takes effect with the next request or connection; null, or no names: healthy again. Several names: by turns. */
  async setFault(names: string | readonly string[] | null, scope: FaultScope = {}): Promise<void> {
    const faults = (typeof names === 'string' ? [names] : (names ?? [])).map(faultNamed);
    const { unitId = null, rate = 1, random = Math.random } = scope;
    const answering = faults.filter((fault) => fault.answer);
    if (answering.length > 0) this.#unitFaults.set(unitId, { faults: answering, rate, random, turn: 0 });
    else this.#unitFaults.delete(unitId);
    if (unitId !== null) return;
    this.#connectionFault = Object.assign({}, ...faults.map((fault) => fault.connection));
    const { refuse, resetOnConnect, closeOnConnect, ignore, maxConnections } = this.#connectionFault;
    if (refuse || resetOnConnect || closeOnConnect || ignore || maxConnections !== undefined) this.#dropAll();
    if (refuse) await this.#stop();
    else await this.listen(this.#port);
  }

  async listen(port: number): Promise<void> {
    if (this.#server) return;
    const server = createServer({ noDelay: true }, (socket) => this.#accept(socket));
    server.listen(port, this.host);
    await once(server, 'listening');
    this.#server = server;
    this.#port = (server.address() as AddressInfo).port;
  }

  /** Drops every connection, as a meter that restarts. */
  dropConnections(): void {
    this.#dropAll();
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await this.#stop();
  }

  async #stop(): Promise<void> {
    const server = this.#server;
    if (!server) return;
    this.#server = null;
    server.close();
    await once(server, 'close');
  }

  #dropAll(): void {
    for (const socket of this.#sockets) reset(socket);
  }

  #accept(socket: Socket): void {
    const fault = this.#connectionFault;
    socket.on('error', () => {});
    if (fault.maxConnections !== undefined && this.#sockets.size >= fault.maxConnections) {
      socket.destroy();
      return;
    }
    this.#sockets.add(socket);
    socket.on('close', () => this.#sockets.delete(socket));
    this.connectionCount++;
    if (fault.resetOnConnect) reset(socket);
    else if (fault.closeOnConnect) socket.destroy();
    else if (fault.ignore) socket.pause();
    else void this.#serve(socket, this.connectionCount);
  }

  async #serve(socket: Socket, connection: number): Promise<void> {
    let pending: Promise<void> = Promise.resolve();
    let received: Buffer = Buffer.alloc(0);
    socket.setTimeout(this.#connectionFault.idleCloseMs ?? 0, () => socket.end());
    socket.on('data', (chunk: Buffer) => {
      received = received.length === 0 ? chunk : Buffer.concat([received, chunk]);
      while (received.length >= 8) {
        const length = received.readUInt16BE(4);
        if (received.readUInt16BE(2) !== 0 || length < 2 || length > 254) {
          socket.destroy();
          return;
        }
        if (received.length < 6 + length) return;
        const frame = received.subarray(0, 6 + length);
        received = received.subarray(6 + length);
        pending = pending.then(() => this.#handle(socket, connection, frame));
      }
    });
  }

  async #handle(socket: Socket, connection: number, frame: Buffer): Promise<void> {
    const unitId = frame[6] as number;
    this.#record(connection, frame);
    if (this.#latencyMs > 0) await sleep(this.#latencyMs);
    const answer = this.#answer(unitId, frame);
    if (!answer) return;
    const active = this.#unitFaults.get(unitId) ?? this.#unitFaults.get(null);
    if (!active || frame.length < 12 || (active.rate < 1 && active.random() >= active.rate)) {
      if (socket.writable) socket.write(answer);
      return;
    }
    const { faults, turn } = active;
    active.turn++;
    const fault = faults[turn % faults.length] as Fault;
    const asked = {
      start: frame.readUInt16BE(8),
      count: frame.readUInt16BE(10),
      turn: Math.floor(turn / faults.length),
    };
    const steps = fault.answer?.(answer, asked) ?? [];
    await perform(socket, steps);
  }

  #answer(unitId: number, frame: Buffer): Buffer | null {
    const unit = this.#units.get(unitId);
    if (!unit && this.#unknownUnit === 'silence') return null;
    unit?.refresh?.();
    const pdu = frame.subarray(7);
    const result = unit ? unit.image.answer(pdu) : (this.#unknownUnit as number);
    const functionCode = pdu[0] as number;
    const body =
      typeof result === 'number'
        ? Buffer.from([functionCode | 0x80, result])
        : Buffer.concat([Buffer.from([functionCode, result.length]), result]);
    const head = Buffer.from(frame.subarray(0, 7));
    head.writeUInt16BE(1 + body.length, 4);
    return Buffer.concat([head, body]);
  }

  #record(connection: number, frame: Buffer): void {
    this.requestCount++;
    if (this.#logged === 0) return;
    if (this.requests.length >= this.#logged) this.requests.splice(0, Math.ceil(this.#logged / 10));
    const isRead = frame.length === 12;
    this.requests.push({
      time: Date.now(),
      connection,
      unitId: frame[6] as number,
      functionCode: frame[7] as number,
      start: isRead ? frame.readUInt16BE(8) : 0,
      count: isRead ? frame.readUInt16BE(10) : 0,
    });
  }
}

async function perform(socket: Socket, steps: readonly Step[]): Promise<void> {
  for (const step of steps) {
    if (socket.destroyed) return;
    switch (step.do) {
      case 'send':
        socket.write(step.bytes);
        break;
      case 'wait':
        await (step.ms === 0 ? nextTurn() : sleep(step.ms));
        break;
      case 'close':
        socket.end();
        break;
      case 'reset':
        reset(socket);
        break;
    }
  }
}

/** A socket that is already ending must not be reset: Node 20 then never lets go of its handle, and spins at exit. */
function reset(socket: Socket): void {
  if (socket.writableEnded) socket.destroy();
  else socket.resetAndDestroy();
}
