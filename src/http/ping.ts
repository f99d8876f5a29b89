// GET /ping: for a watchdog. The status code says whether to act, the first line says in one word how the collector is, the
// lines below say why; the whole state comes as JSON.

import type { Request, Response } from 'express';
import type { DiskSpace } from '../model/disk.js';
import type { ServiceStatus } from '../model/status.js';
import { preferred } from './answer.js';
import type { Service } from './service.js';

/** Handler. 200 while `ok` or `degraded`, 503 while `failing`. */
export function ping(service: Service) {
  return (request: Request, response: Response): void => {
    const status = service.status();
    response.status(status.status === 'failing' ? 503 : 200);
    if (preferred(request, ['text/plain', 'application/json']) === 'application/json') {
      response.json(statusDocument(status));
      return;
    }
    const lines = [status.status, ...status.reasons.map((reason) => reason.replaceAll(/\s+/g, ' '))];
    response.type('text/plain').send(`${lines.join('\n')}\n`);
  };
}

const iso = (time: number | null): string | null => (time === null ? null : new Date(time).toISOString());

/** The state as its readers outside know it: snake case, times in ISO 8601 UTC. A promise, so spelt out. */
export function statusDocument(status: ServiceStatus) {
  return {
    status: status.status,
    reasons: status.reasons,
    version: status.version,
    started_at: iso(status.startedAt),
    uptime_seconds: status.uptimeSeconds,
    ...(status.role === undefined ? {} : { role: status.role }),
    schedule: {
      last: iso(status.schedule.last),
      next: iso(status.schedule.next),
      cycles: status.schedule.cycles,
      missed: status.schedule.missed,
      overran: status.schedule.overran,
      last_duration_ms: status.schedule.lastDurationMs,
    },
    meters: status.meters.map((meter) => ({
      name: meter.name,
      host: meter.host,
      port: meter.port,
      unit_id: meter.unitId,
      schedule: meter.schedule,
      state: meter.state,
      since: iso(meter.since),
      why: meter.why,
      last_success: iso(meter.lastSuccess),
      last_error: meter.lastError && { time: iso(meter.lastError.time), message: meter.lastError.message },
      round_trip_ms: meter.roundTripMs,
      next_slot: iso(meter.nextSlot),
      polls: meter.counters.polls,
      requests: meter.counters.requests,
      readings: meter.counters.readings,
      missed_slots: meter.counters.missedSlots,
      overrun_slots: meter.counters.overrunSlots,
      missing: meter.counters.missing,
    })),
    database: {
      dialect: status.database.dialect,
      state: status.database.state,
      since: iso(status.database.since),
      last_error: status.database.lastError,
      write_ms: status.database.writeMs,
    },
    spool: {
      readings: status.spool.readings,
      bytes: status.spool.bytes,
      oldest: iso(status.spool.oldest),
      dropped: status.spool.dropped,
      dead_letters: status.spool.deadLetters,
    },
    lost: status.lost,
    ...(status.disks === undefined ? {} : { disks: status.disks.map(diskDocument) }),
  };
}

const diskDocument = ({ directory, freeBytes, sizeBytes }: DiskSpace) => ({
  directory,
  free_bytes: freeBytes,
  size_bytes: sizeBytes,
});
