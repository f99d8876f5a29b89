// All links, one per endpoint: links work in parallel, the requests on one never do.

import { type Log, silentLog } from '../model/log.js';
import { type Endpoint, linkKeyOf } from '../model/meter.js';
import { ModbusLink } from './link.js';
import type { LinkPool, LinkTarget } from './reader.js';

/** An empty pool; `log` gets a debug line for each stale connection. */
export function openLinkPool({ log = silentLog }: { readonly log?: Log } = {}): LinkPool {
  const links = new Map<string, ModbusLink>();
  return {
    link(target) {
      const endpoint = endpointOf(target);
      const key = keyOf(endpoint);
      let link = links.get(key);
      if (!link) {
        link = new ModbusLink({ endpoint, log });
        links.set(key, link);
      }
      return link;
    },
    async keep(targets) {
      const wanted = new Set([...targets].map((target) => keyOf(endpointOf(target))));
      const others = [...links].filter(([key]) => !wanted.has(key));
      for (const [key] of others) links.delete(key);
      await Promise.all(others.map(([, link]) => link.close()));
    },
    async close() {
      await Promise.all([...links.values()].map((link) => link.close()));
    },
  };
}

const endpointOf = ({ host, port, endpoint }: LinkTarget): Endpoint =>
  endpoint ?? { type: 'tcp', host, port, framing: 'mbap' };

/** All settings belong to the key: a port whose baud rate was changed in the configuration is opened anew. */
const keyOf = (endpoint: Endpoint): string =>
  endpoint.type === 'tcp' ? `${endpoint.framing} ${linkKeyOf(endpoint)}` : JSON.stringify(endpoint.line);
