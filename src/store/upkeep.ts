// What all databases' upkeep has in common.

/** Milliseconds that history is kept; null: for ever. */
export interface Retention {
  readonly readingsMs: number | null;
  readonly rollupsMs: number | null;
}

export const keepForever: Retention = { readingsMs: null, rollupsMs: null };
