// Opens what a link leads over: a TCP socket or a serial port. Both are byte streams, and the link needs no more of them.

import { once } from 'node:events';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { EmdcError } from '../model/errors.js';
import type { Endpoint, SerialLine } from '../model/meter.js';

const KEEP_ALIVE_MS = 30_000;
/** Above this rate 3.5 characters are 1.75 ms (Serial Line V1.02 §2.5.1.1). */
const FAST_BAUD_RATE = 19_200;
const FAST_SILENCE_MS = 1.75;
/** 3.5 characters at 9600 baud: the rate behind a converter is not known. */
const CONVERTER_SILENCE_MS = 4;

export interface OpenStream {
  readonly stream: Duplex;
  /** Resolves when the socket or port is closed, however it came to that; never rejects. */
  close(): Promise<void>;
}

/** Resolves with the open stream; rejects with the error of the socket or port, or with an AbortError. */
export function openStream(
  endpoint: Endpoint,
  options: { readonly timeoutMs: number; readonly signal: AbortSignal },
): Promise<OpenStream> {
  return endpoint.type === 'serial' ? openSerial(endpoint.line) : openTcp(endpoint, options);
}

/** Silence that ends a frame and must lie before the next: 3.5 characters on RTU, none on MBAP. In ms. */
export function silenceMs(endpoint: Endpoint): number {
  if (endpoint.type === 'tcp') return endpoint.framing === 'rtu' ? CONVERTER_SILENCE_MS : 0;
  const { baudRate, dataBits, parity, stopBits } = endpoint.line;
  if (baudRate > FAST_BAUD_RATE) return FAST_SILENCE_MS;
  const bits = 1 + dataBits + (parity === 'none' ? 0 : 1) + stopBits;
  return (3.5 * bits * 1000) / baudRate;
}

async function openTcp(
  { host, port }: Extract<Endpoint, { type: 'tcp' }>,
  { timeoutMs, signal }: { readonly timeoutMs: number; readonly signal: AbortSignal },
): Promise<OpenStream> {
  const socket = new Socket();
  try {
    socket.connect({
      host,
      port,
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: KEEP_ALIVE_MS,
      // Where a name has several addresses, Node gives each 250 ms, too short for a mobile line.
      autoSelectFamilyAttemptTimeout: Math.max(250, Math.floor(timeoutMs / 2)),
    });
    await once(socket, 'connect', { signal });
    return { stream: socket, close: () => closeSocket(socket) };
  } catch (error) {
    socket.on('error', () => {});
    socket.destroy();
    throw error;
  }
}

async function openSerial(line: SerialLine): Promise<OpenStream> {
  const { SerialPort } = await loadSerialPort();
  const { path, baudRate, dataBits, stopBits, parity } = line;
  const port = new SerialPort({ path, baudRate, dataBits, stopBits, parity, autoOpen: false });
  await new Promise<void>((resolve, reject) => port.open((error) => (error ? reject(error) : resolve())));
  // Its destroy() leaves the device open and locked.
  return { stream: port, close: () => new Promise((resolve) => port.close(() => resolve())) };
}

async function closeSocket(socket: Socket): Promise<void> {
  socket.destroy();
  if (!socket.closed) await new Promise<void>((resolve) => socket.once('close', () => resolve()));
}

/** @throws EmdcError `serialport-missing` */
async function loadSerialPort(): Promise<typeof import('serialport')> {
  try {
    return await import('serialport');
  } catch (cause) {
    throw new EmdcError({
      code: 'serialport-missing',
      message: 'serial ports need the package serialport, which is not installed or has no binary for this machine',
      hint: 'npm install serialport (it is an optional dependency; --omit=optional leaves it out)',
      cause,
    });
  }
}
