// A bound on connections that a flood cannot turn against honest callers: when it is reached, a new connection is not
// refused but takes the place of the one that has been idle, or has kept its request unfinished, for longest.

import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

interface Connection {
  readonly socket: Socket;
  /** Requests being answered. */
  answering: number;
}

/** Returns how to drop all connections but those being answered. */
export function boundConnections(server: Server, max: number): () => void {
  /** By the caller's address and port, which TCP socket and TLS wrapper have in common. Longest idle first. */
  const connections = new Map<string, Connection>();

  server.on('connection', (socket: Socket) => {
    if (connections.size >= max && !makeRoom()) {
      socket.destroy();
      return;
    }
    const key = keyOf(socket);
    const connection = { socket, answering: 0 };
    connections.set(key, connection);
    socket.once('close', () => {
      if (connections.get(key) === connection) connections.delete(key);
    });
  });
  server.on('request', begin);
  server.on('checkContinue', begin);
  return () => {
    while (makeRoom());
  };

  function makeRoom(): boolean {
    for (const [key, { socket, answering }] of connections) {
      if (answering > 0) continue;
      connections.delete(key);
      socket.destroy();
      return true;
    }
    return false;
  }

  function begin(request: IncomingMessage, response: ServerResponse): void {
    const key = keyOf(request.socket);
    const connection = connections.get(key);
    if (!connection) return;
    connection.answering++;
    response.once('close', () => {
      connection.answering--;
      if (connections.get(key) !== connection) return;
      connections.delete(key);
      connections.set(key, connection);
    });
  }
}

const keyOf = (socket: Socket): string => `${socket.remoteAddress} ${socket.remotePort}`;
