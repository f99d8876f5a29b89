// What the parts know of logging. The logger itself (winston) is made in one place and handed in.

export type LogFields = Readonly<Record<string, unknown>>;

export interface Log {
  error(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  debug(message: string, fields?: LogFields): void;
}

export const silentLog: Log = { error: () => {}, warn: () => {}, info: () => {}, debug: () => {} };
