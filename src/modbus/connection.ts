// One open stream to a meter or gateway, from the first byte to the first thing that goes wrong. Every byte is judged
// before a parser sees it, and one frame's worth of memory is held at most.

import { connectText, type ModbusFailureKind } from './failure.js';
import { type ExpectedResponse, type Framing, MAX_FRAME_BYTES, type Verdict } from './framing.js';
import type { OpenStream } from './transport.js';

/** What `exchange` rejects with; the link adds request and address and makes a ModbusFailure of it. */
export class ExchangeError extends Error {
  readonly kind: ModbusFailureKind;
  /** True if the connection was already dead when the request was sent, or had a stray response on it: worth a retry. */
  readonly stale: boolean;
  /** True if a whole response came that fits except for its transaction id. */
  readonly onlyIdDiffers: boolean;

  constructor(
    kind: ModbusFailureKind,
    message: string,
    { stale = false, onlyIdDiffers = false, cause }: { stale?: boolean; onlyIdDiffers?: boolean; cause?: unknown } = {},
  ) {
    super(message, { cause });
    this.name = 'ExchangeError';
    this.kind = kind;
    this.stale = stale;
    this.onlyIdDiffers = onlyIdDiffers;
  }

  /** The same error with advice in its message. */
  with(advice: string): ExchangeError {
    return new ExchangeError(this.kind, `${this.message} (${advice})`, this);
  }
}

interface ExchangeOptions {
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
  /** True: the response's transaction id is not looked at. */
  readonly mayDiffer: boolean;
}

interface InFlight {
  readonly expected: ExpectedResponse;
  resolve(pdu: Buffer): void;
  reject(error: ExchangeError): void;
}

export class Connection {
  readonly #transport: OpenStream;
  readonly #framing: Framing;
  readonly #received = Buffer.allocUnsafe(MAX_FRAME_BYTES + 1);
  #receivedBytes = 0;
  #inFlight: InFlight | null = null;
  #alive = true;
  /** On the monotonic clock, ms: when the newest byte came. */
  #lastByteAt = performance.now();
  #endedAt = Number.NEGATIVE_INFINITY;
  #closing: Promise<void> | null = null;

  constructor(transport: OpenStream, framing: Framing) {
    this.#transport = transport;
    this.#framing = framing;
    const { stream } = transport;
    stream.on('data', (chunk: Buffer) => this.#receive(chunk));
    stream.on('error', (error) => this.#lost(`connection ${connectText(error)}`, error));
    stream.on('end', () => this.#lost('connection closed by the other side'));
    stream.on('close', () => this.#lost('connection closed'));
  }

  get alive(): boolean {
    return this.#alive;
  }

  get lastByteAt(): number {
    return this.#lastByteAt;
  }

  /** On the monotonic clock, ms: when the connection ended; negative infinity while it is alive. */
  get endedAt(): number {
    return this.#endedAt;
  }

  /**
   * Sends the frame and resolves with the PDU of its response. Rejects with an ExchangeError. One call at a time. An MBAP
   * connection is closed by every failure; an RTU one stays open, and its caller waits for silence.
   */
  async exchange(
    pdu: Buffer,
    expected: ExpectedResponse,
    { timeoutMs, signal, mayDiffer }: ExchangeOptions,
  ): Promise<Buffer> {
    if (!this.#alive) throw new ExchangeError('disconnected', 'connection closed', { stale: true });
    let timer: NodeJS.Timeout | undefined;
    const abort = () => this.#end(new ExchangeError('aborted', 'given up', { cause: signal?.reason }));
    try {
      return await new Promise<Buffer>((resolve, reject) => {
        this.#inFlight = { expected: mayDiffer ? { ...expected, transactionId: null } : expected, resolve, reject };
        const inFlight = this.#inFlight;
        this.#receivedBytes = 0;
        // After a pause of the whole process, timers run before sockets: what has arrived meanwhile comes first.
        timer = setTimeout(() => setImmediate(() => this.#timeout(inFlight, timeoutMs)), timeoutMs);
        signal?.addEventListener('abort', abort, { once: true });
        this.#transport.stream.write(this.#framing.wrap(pdu, expected));
      });
    } finally {
      this.#inFlight = null;
      clearTimeout(timer);
      signal?.removeEventListener('abort', abort);
    }
  }

  /** Resolves when the stream is closed; a request in flight rejects as `disconnected`. */
  async close(): Promise<void> {
    this.#end(new ExchangeError('disconnected', 'connection closed on our side'));
    await this.#closing;
  }

  #receive(chunk: Buffer): void {
    if (!this.#alive) return;
    this.#lastByteAt = performance.now();
    const inFlight = this.#inFlight;
    if (!inFlight) {
      // On RTU this is noise or a late response, which the silence before the next request swallows.
      if (this.#framing.name === 'mbap') this.#drop();
      return;
    }
    const taken = chunk.copy(this.#received, this.#receivedBytes, 0, this.#received.length - this.#receivedBytes);
    this.#receivedBytes += taken;
    this.#decide(inFlight, this.#framing.judge(this.#received, this.#receivedBytes, inFlight.expected));
  }

  #decide(inFlight: InFlight, verdict: Verdict): void {
    if (verdict === 'incomplete') return;
    if (typeof verdict === 'object') {
      const error = new ExchangeError('bad-answer', `bad answer: ${verdict.message}`, {
        stale: verdict.kind === 'foreign',
        onlyIdDiffers: verdict.fits,
      });
      this.#fail(error);
      return;
    }
    const pdu = this.#framing.unwrap(this.#received, this.#receivedBytes, inFlight.expected);
    this.#inFlight = null;
    inFlight.resolve(pdu);
    // The response is right and counts; the bytes behind it make every later one doubtful.
    if (verdict === 'excess' && this.#framing.name === 'mbap') this.#drop();
  }

  #timeout(inFlight: InFlight, timeoutMs: number): void {
    if (this.#inFlight !== inFlight) return;
    this.#fail(new ExchangeError('timeout', `timeout after ${timeoutMs} ms`));
  }

  #fail(error: ExchangeError): void {
    const inFlight = this.#inFlight;
    this.#inFlight = null;
    if (this.#framing.name === 'mbap') this.#drop();
    inFlight?.reject(error);
  }

  /** The other side, or the device, ended the stream: stale if that was before any byte of a response. */
  #lost(message: string, cause?: unknown): void {
    this.#end(new ExchangeError('disconnected', message, { stale: this.#receivedBytes === 0, cause }));
  }

  #end(error: ExchangeError): void {
    if (!this.#alive) return;
    const inFlight = this.#inFlight;
    this.#inFlight = null;
    this.#drop();
    inFlight?.reject(error);
  }

  #drop(): void {
    this.#alive = false;
    this.#endedAt = performance.now();
    this.#closing ??= this.#transport.close();
  }
}
