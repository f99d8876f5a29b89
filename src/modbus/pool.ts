// All links, one per host:port: links work in parallel, the requests on one never do.

import { type Log, silentLog } from '../model/log.js';
import { linkKeyOf } from '../model/meter.js';
import { ModbusLink } from './link.js';
import type { LinkPool } from './reader.js';

export function openLinkPool({ log = silentLog }: { readonly log?: Log } = {}): LinkPool {
  const links = new Map<string, ModbusLink>();
  return {
    link({ host, port }) {
      const key = linkKeyOf({ host, port });
      let link = links.get(key);
      if (!link) {
        link = new ModbusLink({ host, port, log });
        links.set(key, link);
      }
      return link;
    },
    async keep(endpoints) {
      const wanted = new Set([...endpoints].map(linkKeyOf));
      const others = [...links].filter(([key]) => !wanted.has(key));
      for (const [key] of others) links.delete(key);
      await Promise.all(others.map(([, link]) => link.close()));
    },
    async close() {
      await Promise.all([...links.values()].map((link) => link.close()));
    },
  };
}
