// The simulated meters stand for other machines. Left to the scheduler, they and what is measured now share a processor and
// now do not, for a process' whole life: the same cycle takes 0.9 or 1.1 of the limit. So, where the system can do it, the
// meters get a processor of their own, and both sides that are compared get all others.

import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

export interface Processors {
  /** As taskset takes them. */
  readonly meters: string;
  readonly measured: string;
}

/** null: there is only one, or no taskset. */
export function shareOut(): Processors | null {
  const [meters, ...measured] = allowed();
  if (meters === undefined || measured.length === 0) return null;
  if (spawnSync('taskset', ['-c', `${meters}`, 'true']).status !== 0) return null;
  return { meters: `${meters}`, measured: measured.join(',') };
}

/** The processors that this process may use; none where there is no /proc. */
function allowed(): number[] {
  let list: string | undefined;
  try {
    list = readFileSync('/proc/self/status', 'utf8').match(/^Cpus_allowed_list:\s*(\S+)$/m)?.[1];
  } catch {
    return [];
  }
  return (list ?? '').split(',').flatMap((range) => {
    const [first = 0, last = first] = range.split('-').map(Number);
    return Array.from({ length: last - first + 1 }, (_, i) => first + i);
  });
}
