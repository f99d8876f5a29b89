// Long answers in pieces: a scrape of 21,000 readings must neither hold up a slot that falls due meanwhile nor pile up in
// memory for a caller who reads slowly.

import { once } from 'node:events';
import { setImmediate } from 'node:timers/promises';
import type { Response } from 'express';

/** Most of an answer that is written in one go, in characters. */
const PIECE = 64 * 1024;

/** Sends the pieces and ends the answer; stops asking for more when the caller is gone. */
export async function sendPieces(response: Response, pieces: Iterable<string>): Promise<void> {
  let gathered = '';
  for (const piece of pieces) {
    gathered += piece;
    if (gathered.length < PIECE) continue;
    const flowing = response.write(gathered);
    gathered = '';
    if (flowing) await setImmediate();
    else await Promise.race([once(response, 'drain'), once(response, 'close')]);
    if (response.destroyed) return;
  }
  response.end(gathered);
}
