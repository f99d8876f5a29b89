// Long answers in pieces: a scrape of 21,000 readings must neither hold up a slot that falls due meanwhile nor pile up in
// memory for a caller who reads slowly, or never.

import { setImmediate } from 'node:timers/promises';
import type { Response } from 'express';

/** Most of an answer that is written in one go, in characters. */
const PIECE = 64 * 1024;
/** For taking a whole answer. */
const SEND_TIMEOUT_MS = 60_000;

/** Sends the pieces and ends the answer; stops asking for more when the caller is gone, and cuts off one who dawdles. */
export async function sendPieces(response: Response, pieces: Iterable<string>): Promise<void> {
  const timer = setTimeout(() => response.destroy(), SEND_TIMEOUT_MS);
  response.once('close', () => clearTimeout(timer));
  let gathered = '';
  for (const piece of pieces) {
    gathered += piece;
    if (gathered.length < PIECE) continue;
    if (!response.write(gathered)) await writable(response);
    gathered = '';
    // Draining may not take a turn of the event loop, so everything else due is let through here.
    await setImmediate();
    if (response.destroyed) return;
  }
  response.end(gathered);
}

const writable = (response: Response): Promise<void> =>
  new Promise((resolve) => {
    const done = () => {
      response.off('drain', done);
      response.off('close', done);
      resolve();
    };
    if (response.destroyed) return resolve();
    response.on('drain', done);
    response.on('close', done);
  });
