// A bound on connections that a flood cannot turn against honest callers: when it is reached, a new connection is not
// refused but takes the place of another: of one that has been idle, or has kept its request unfinished, for a while; else
// of one that does not take its answer; else of the one idle for longest, however short that is.

import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Clock } from '../model/clock.js';

interface Connection {
  /** The TLS wrapper, once known. */
  socket: Socket;
  /** Requests being answered. */
  answering: number;
  /** Since when it is idle, on the monotonic clock; meaningless while answering. */
  since: number;
}

/** An honest caller's request follows his connection sooner. */
const LONG_IDLE_MS = 1000;

/** Returns how to drop all connections but those being answered. */
export function boundConnections(server: Server, { max, clock }: { max: number; clock: Clock }): () => void {
  /** By the caller's address and port, which TCP socket and TLS wrapper have in common. Longest idle first. */
  const connections = new Map<string, Connection>();

  server.on('connection', (socket: Socket) => {
    if (connections.size >= max && !makeRoom()) {
      socket.destroy();
      return;
    }
    const key = keyOf(socket);
    const connection: Connection = { socket, answering: 0, since: clock.monotonic() };
    connections.set(key, connection);
    socket.once('close', () => {
      if (connections.get(key) === connection) connections.delete(key);
    });
  });
  server.on('request', begin);
  server.on('checkContinue', begin);
  return () => {
    while (drop(isIdle));
  };

  function makeRoom(): boolean {
    const longAgo = clock.monotonic() - LONG_IDLE_MS;
    return drop((connection) => isIdle(connection) && connection.since < longAgo) || drop(isChoked) || drop(isIdle);
  }

  function drop(candidate: (connection: Connection) => boolean): boolean {
    for (const [key, connection] of connections) {
      if (!candidate(connection)) continue;
      connections.delete(key);
      connection.socket.destroy();
      return true;
    }
    return false;
  }

  function begin(request: IncomingMessage, response: ServerResponse): void {
    const key = keyOf(request.socket);
    const connection = connections.get(key);
    if (!connection) return;
    connection.answering++;
    connection.socket = request.socket;
    response.once('close', () => {
      connection.answering--;
      connection.since = clock.monotonic();
      if (connections.get(key) !== connection) return;
      connections.delete(key);
      connections.set(key, connection);
    });
  }
}

const isIdle = ({ answering }: Connection): boolean => answering === 0;

const isChoked = ({ socket }: Connection): boolean => socket.writableLength > 0;

const keyOf = (socket: Socket): string => `${socket.remoteAddress} ${socket.remotePort}`;
