// The limit for everything that goes over the wire: a Modbus client that is nothing but a socket. It trusts its peer, checks
// nothing and retries nothing; EMDC is measured against it, not replaced by it.

import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

export class BareClient {
  readonly #socket: Socket;
  #answered: ((data: Buffer) => void) | null = null;
  #transaction = 0;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (data) => {
      const answered = this.#answered;
      this.#answered = null;
      answered?.(data);
    });
  }

  static async open(port: number): Promise<BareClient> {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    await once(socket, 'connect');
    return new BareClient(socket);
  }

  read(unitId: number, start: number, count: number): Promise<Buffer> {
    const request = Buffer.allocUnsafe(12);
    this.#transaction = (this.#transaction + 1) & 0xffff;
    request.writeUInt16BE(this.#transaction, 0);
    request.writeUInt16BE(0, 2);
    request.writeUInt16BE(6, 4);
    request.writeUInt8(unitId, 6);
    request.writeUInt8(3, 7);
    request.writeUInt16BE(start, 8);
    request.writeUInt16BE(count, 10);
    this.#socket.write(request);
    return new Promise((resolve) => {
      this.#answered = resolve;
    });
  }

  close(): void {
    this.#socket.destroy();
  }
}
