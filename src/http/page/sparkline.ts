// The last values of a metric as a small drawing: an inline SVG that stretches to its place. Gaps stay gaps.

import { Html } from './html.js';

const WIDTH = 100;
const HEIGHT = 20;

/** Oldest first, null where nothing was read; nothing to draw below two values. */
export function sparkline(values: readonly (number | null)[]): Html {
  let min = Number.POSITIVE_INFINITY;
  let max = Number.NEGATIVE_INFINITY;
  let count = 0;
  for (const value of values) {
    if (value === null) continue;
    count++;
    if (value < min) min = value;
    if (value > max) max = value;
  }
  if (count < 2) return new Html('');
  const across = WIDTH / (values.length - 1);
  const up = max > min ? HEIGHT / (max - min) : 0;
  let path = '';
  let pen = 'M';
  for (let i = 0; i < values.length; i++) {
    const value = values[i] as number | null;
    if (value === null) {
      pen = 'M';
      continue;
    }
    const y = up === 0 ? HEIGHT / 2 : HEIGHT - (value - min) * up;
    // A point between two gaps would not show without a line of no length.
    path += `${pen}${short(i * across)} ${short(y)}${pen === 'M' ? 'h0' : ''}`;
    pen = 'L';
  }
  return new Html(
    `<svg class="spark" viewBox="-2 -2 ${WIDTH + 4} ${HEIGHT + 4}" preserveAspectRatio="none" aria-hidden="true"><path d="${path}"/></svg>`,
  );
}

const short = (value: number): string => String(Math.round(value * 10) / 10);
