// Which addresses cannot be reached from, or come from, another machine.

/** Host names and addresses as configured, or as a socket reports them. */
export const isLoopback = (host: string): boolean =>
  host === 'localhost' || host === '::1' || /^(::ffff:)?127\.\d+\.\d+\.\d+$/i.test(host);
