// What HTTP, its page and the watchdog need of the collector: its latest values, its state, and the two things that it can be
// asked to do. daemon.ts provides it.

import type { Latest } from '../collect/latest.js';
import type { CollectRequest, CollectRow, ServiceStatus } from '../model/status.js';

export interface Service {
  readonly latest: Latest;
  status(): ServiceStatus;
  /** Resolves when all iterations are done and durable. A call made while the same work runs or waits joins it. */
  collect(request: CollectRequest): Promise<readonly CollectRow[]>;
  /** Reads one meter now, over its link, records it and brings `latest` up to date; shared with a poll under way. Resolves to the error, or null. */
  readNow(meter: string, signal: AbortSignal): Promise<string | null>;
}
