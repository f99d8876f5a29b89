// How answers are chosen, sent and given up: media type by Accept, long answers in pieces, a signal for callers who hang up.

import type { ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setImmediate } from 'node:timers/promises';
import type { Request, Response } from 'express';

/** Most of an answer that is written in one go, in characters. */
const PIECE = 64 * 1024;
/** For sending a whole answer. */
const SEND_TIMEOUT_MS = 60_000;

/** What node says when the caller closed the connection, or was cut off. */
const CALLER_GONE: readonly string[] = ['ERR_STREAM_PREMATURE_CLOSE', 'ECONNRESET', 'EPIPE', 'ABORT_ERR'];

/**
 * The offer that the caller likes best (RFC 9110 §12.5.1); the first one without a wish, or with none that can be met.
 * Parameters but the weight are left out before: Prometheus asks for `application/openmetrics-text;version=1.0.0;escaping=…`
 * with a list that grows from release to release.
 */
export function preferred<Offer extends string>(request: Request, offers: readonly [Offer, ...Offer[]]): Offer {
  const { accept } = request.headers;
  if (accept !== undefined)
    request.headers.accept = accept.replaceAll(/;\s*(?!q\s*=)[\w-]+\s*=\s*("[^"]*"|[^;,\s]*)/gi, '');
  const [best] = [request.accepts([...offers])].flat();
  return offers.find((offer) => offer === best) ?? offers[0];
}

/**
 * Sends the pieces and ends the answer. Lets the event loop turn between parts of 64 KB, waits for slow readers without
 * piling up, and cuts off a reader who takes longer than a minute. Never rejects for a caller who went away.
 */
export async function sendPieces(response: Response, pieces: Iterable<string>): Promise<void> {
  const body = Readable.from(inParts(pieces), { objectMode: true, highWaterMark: 1 });
  try {
    await pipeline(body, response, { signal: AbortSignal.timeout(SEND_TIMEOUT_MS) });
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && CALLER_GONE.includes(String(error.code)))) throw error;
  }
}

async function* inParts(pieces: Iterable<string>): AsyncGenerator<string> {
  let part = '';
  for (const piece of pieces) {
    part += piece;
    if (part.length < PIECE) continue;
    yield part;
    part = '';
    await setImmediate();
  }
  yield part;
}

/**
 * A signal that aborts when the caller hangs up before the answer is complete, or when `closing` does (the server closes).
 * The connection's silence timeout is lifted: a caller who waits for meters is silent for long.
 */
export function hangUpSignal(response: ServerResponse, closing: AbortSignal): AbortSignal {
  const controller = new AbortController();
  const abort = () => controller.abort();
  response.setTimeout(0);
  closing.addEventListener('abort', abort, { once: true });
  response.once('close', () => {
    closing.removeEventListener('abort', abort);
    if (!response.writableEnded) abort();
  });
  if (closing.aborted || response.destroyed) abort();
  return controller.signal;
}
