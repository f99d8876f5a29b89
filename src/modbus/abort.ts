// One listener per AbortSignal, however many requests wait on it: a cycle's signal is shared by hundreds of links, and
// adding a listener to an AbortSignal costs time in proportion to those already there.

const listenersOf = new WeakMap<AbortSignal, Set<() => void>>();

export function onAbort(signal: AbortSignal, listener: () => void): void {
  let listeners = listenersOf.get(signal);
  if (!listeners) {
    listeners = new Set();
    listenersOf.set(signal, listeners);
    const all = listeners;
    signal.addEventListener('abort', () => callAll(all), { once: true });
  }
  listeners.add(listener);
}

export function offAbort(signal: AbortSignal, listener: () => void): void {
  listenersOf.get(signal)?.delete(listener);
}

function callAll(listeners: Set<() => void>): void {
  for (const listener of [...listeners]) listener();
  listeners.clear();
}
