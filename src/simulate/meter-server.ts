// A Modbus server for tests, demos and trials, on TCP (MBAP or RTU frames) or a serial port: several units, each with its
// own registers, answers as the standard has them, and faults on demand. Answers reads only. (jsmodbus' own server answers in the wrong order and dies on a reset.)

import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import { type OpenStream, openStream } from '../modbus/transport.js';
import type { RegisterFunction, SerialLine } from '../model/meter.js';
import { type ConnectionFault, type Fault, faultNamed, type Step } from './faults.js';
import { identityAnswer, type SimulatedIdentity } from './identity-answer.js';
import type { RegisterImage } from './register-image.js';
import { mbapCutter, rtuCutter, toRtu } from './server-framing.js';

export interface SimulatedUnit {
  readonly unitId: number;
  readonly image: RegisterImage;
  /** Called before every answer: brings the image up to date. */
  readonly refresh?: () => void;
  /** What it answers to functions 43/14 and 17; left out: refused. */
  readonly identity?: SimulatedIdentity;
}

export interface MeterServerOptions {
  readonly units: readonly SimulatedUnit[];
  readonly host?: string;
  /** 0: any free one. */
  readonly port?: number;
  /** Frames on TCP; default `mbap`. */
  readonly framing?: 'mbap' | 'rtu';
  /** Serves this serial port, with RTU frames, instead of TCP. */
  readonly serial?: SerialLine;
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
  readonly #framing: 'mbap' | 'rtu';
  readonly #serial: SerialLine | null;
  #serialPort: OpenStream | null = null;
  #connectionEndedAt = Number.NEGATIVE_INFINITY;
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
    this.#serial = options.serial ?? null;
    this.#framing = this.#serial ? 'rtu' : (options.framing ?? 'mbap');
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

  /** Another meter takes the place of the one with its unit id, as when a meter is exchanged. */
  replaceUnit(unit: SimulatedUnit): void {
    this.#units.set(unit.unitId, unit);
  }

  setRegisters(unitId: number, start: number, words: Iterable<number>, name: RegisterFunction = 'holding'): void {
    this.image(unitId).set(name, start, words);
  }

  /** Takes effect with the next request or connection; null, or no names: healthy again. Several names: by turns. */
  async setFault(names: string | readonly string[] | null, scope: FaultScope = {}): Promise<void> {
    const faults = (typeof names === 'string' ? [names] : (names ?? [])).map(faultNamed);
    const { unitId = null, rate = 1, random = Math.random } = scope;
    const answering = faults.filter((fault) => fault.answer || fault.line);
    if (answering.length > 0) this.#unitFaults.set(unitId, { faults: answering, rate, random, turn: 0 });
    else this.#unitFaults.delete(unitId);
    if (unitId !== null) return;
    this.#connectionFault = Object.assign({}, ...faults.map((fault) => fault.connection));
    const { refuse, resetOnConnect, closeOnConnect, ignore, maxConnections, deafMs, refuseReconnectMs } =
      this.#connectionFault;
    if (
      refuse ||
      resetOnConnect ||
      closeOnConnect ||
      ignore ||
      deafMs ||
      refuseReconnectMs ||
      maxConnections !== undefined
    )
      this.#dropAll();
    if (refuse) await this.#stop();
    else await this.listen(this.#port);
  }

  async listen(port: number): Promise<void> {
    if (this.#server || this.#serialPort) return;
    if (this.#serial) {
      const endpoint = { type: 'serial', line: this.#serial } as const;
      this.#serialPort = await openStream(endpoint, { timeoutMs: 0, signal: new AbortController().signal });
      this.#serve(this.#serialPort.stream, 0);
      return;
    }
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
    await this.#serialPort?.close();
    this.#serialPort = null;
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
    if (performance.now() - this.#connectionEndedAt < (fault.refuseReconnectMs ?? 0)) {
      reset(socket);
      return;
    }
    this.#sockets.add(socket);
    socket.on('close', () => {
      this.#sockets.delete(socket);
      this.#connectionEndedAt = performance.now();
    });
    this.connectionCount++;
    if (fault.resetOnConnect) reset(socket);
    else if (fault.closeOnConnect) socket.destroy();
    else if (fault.ignore) socket.pause();
    else {
      socket.setTimeout(fault.idleCloseMs ?? 0, () => socket.end());
      this.#serve(socket, this.connectionCount);
    }
  }

  #serve(stream: Duplex, connection: number): void {
    const connectedAt = performance.now();
    const cutter = this.#framing === 'mbap' ? mbapCutter() : rtuCutter();
    let pending: Promise<void> = Promise.resolve();
    stream.on('error', () => {});
    stream.on('data', (chunk: Buffer) => {
      const { requests, broken } = cutter.add(chunk);
      const isDeaf = performance.now() - connectedAt < (this.#connectionFault.deafMs ?? 0);
      for (const request of requests) {
        if (isDeaf) this.#record(connection, request);
        else pending = pending.then(() => this.#handle(stream, connection, request));
      }
      if (broken) stream.destroy();
    });
  }

  async #handle(stream: Duplex, connection: number, frame: Buffer): Promise<void> {
    const unitId = frame[6] as number;
    this.#record(connection, frame);
    if (this.#latencyMs > 0) await sleep(this.#latencyMs);
    const answer = this.#answer(unitId, frame);
    if (!answer) return;
    const onLine = this.#framing === 'rtu' ? toRtu : (bytes: Buffer) => bytes;
    const active = this.#unitFaults.get(unitId) ?? this.#unitFaults.get(null);
    if (!active || frame.length < 12 || (active.rate < 1 && active.random() >= active.rate)) {
      if (stream.writable) stream.write(onLine(answer));
      return;
    }
    const { faults, turn, random } = active;
    active.turn++;
    const fault = faults[turn % faults.length] as Fault;
    const asked = {
      start: frame.readUInt16BE(8),
      count: frame.readUInt16BE(10),
      turn: Math.floor(turn / faults.length),
    };
    const steps: readonly Step[] = fault.answer?.(answer, asked) ?? [{ do: 'send', bytes: answer }];
    const distorted = this.#framing === 'rtu' ? fault.line : undefined;
    await perform(stream, steps, (bytes) => distorted?.(onLine(bytes), random) ?? onLine(bytes));
  }

  #answer(unitId: number, frame: Buffer): Buffer | null {
    const unit = this.#units.get(unitId);
    if (!unit && this.#unknownUnit === 'silence') return null;
    unit?.refresh?.();
    const pdu = frame.subarray(7);
    const identity = unit ? identityAnswer(pdu, unit.identity) : null;
    if (identity instanceof Buffer) return withHeader(frame, identity);
    const result = unit ? (identity ?? unit.image.answer(pdu)) : (this.#unknownUnit as number);
    const functionCode = pdu[0] as number;
    const body =
      typeof result === 'number'
        ? Buffer.from([functionCode | 0x80, result])
        : Buffer.concat([Buffer.from([functionCode, result.length]), result]);
    return withHeader(frame, body);
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

/** The response's PDU behind the request's header. */
function withHeader(request: Buffer, pdu: Buffer): Buffer {
  const head = Buffer.from(request.subarray(0, 7));
  head.writeUInt16BE(1 + pdu.length, 4);
  return Buffer.concat([head, pdu]);
}

async function perform(stream: Duplex, steps: readonly Step[], onLine: (bytes: Buffer) => Buffer): Promise<void> {
  for (const step of steps) {
    if (stream.destroyed) return;
    switch (step.do) {
      case 'send':
        stream.write(onLine(step.bytes));
        break;
      case 'wait':
        await (step.ms === 0 ? nextTurn() : sleep(step.ms));
        break;
      // A serial port has no connection to close.
      case 'close':
        if (stream instanceof Socket) stream.end();
        break;
      case 'reset':
        if (stream instanceof Socket) reset(stream);
        break;
    }
  }
}

/** A socket that is already ending must not be reset: Node 20 then never lets go of its handle, and spins at exit. */
function reset(socket: Socket): void {
  if (socket.writableEnded) socket.destroy();
  else socket.resetAndDestroy();
}
