// Which form of an answer the caller asks for (RFC 9110, 12.5.1). Parameters of media types are ignored: Prometheus asks
// for `application/openmetrics-text;version=1.0.0;escaping=…` with a list that grows from release to release.

interface Range {
  readonly type: string;
  readonly q: number;
}

/** The offer the caller likes best; the first one when it has no wish, or none that can be met. */
export function preferred<Offer extends string>(
  accept: string | undefined,
  offers: readonly [Offer, ...Offer[]],
): Offer {
  const ranges = (accept ?? '').split(',', 50).map(parseRange);
  let best = offers[0];
  let bestWeight = 0;
  for (const offer of offers) {
    const weight = weigh(offer, ranges);
    if (weight > bestWeight) {
      best = offer;
      bestWeight = weight;
    }
  }
  return best;
}

function parseRange(text: string): Range {
  const [type = '', ...parameters] = text.split(';').map((part) => part.trim().toLowerCase());
  const q = parameters.find((parameter) => parameter.startsWith('q='));
  const value = q === undefined ? 1 : Number(q.slice(2));
  return { type, q: value >= 0 && value <= 1 ? value : 0 };
}

/** The most exact range counts; among equal weights an offer named outright beats one met by a wildcard. */
function weigh(offer: string, ranges: readonly Range[]): number {
  const family = `${offer.split('/')[0]}/*`;
  for (const [exactness, wanted] of [offer, family, '*/*'].entries()) {
    const q = ranges.filter((range) => range.type === wanted).map((range) => range.q);
    if (q.length > 0) return Math.max(...q) === 0 ? 0 : Math.max(...q) - exactness * 1e-4;
  }
  return 0;
}
