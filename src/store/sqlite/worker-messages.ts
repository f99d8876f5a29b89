// What the main thread and the store's worker say to each other. Errors cross as data.

import { EmdcError, messageOf, type Remedy } from '../../model/errors.js';
import type { Backend } from '../prisma-store.js';
import { StoreFailure } from '../store.js';

/** A method of the store that the worker has, with its arguments. */
export type Method = Exclude<keyof Backend, 'lease'>;

export interface Call {
  readonly method: Method;
  readonly args: readonly unknown[];
}

export interface Request {
  readonly id: number;
  readonly call: Call;
}

export type Reply =
  | { readonly kind: 'done'; readonly id: number; readonly value: unknown }
  | { readonly kind: 'failed'; readonly id: number; readonly failure: FailureData }
  | { readonly kind: 'log'; readonly level: LogLevel; readonly message: string; readonly fields: object };

export type LogLevel = 'error' | 'warn' | 'info' | 'debug';

/** The worker answers this id once it has opened the database. */
export const OPENED = 0;

export interface FailureData {
  readonly store: boolean;
  readonly code: string;
  readonly message: string;
  readonly hint: string;
  readonly remedy: Remedy;
}

export function failureData(error: unknown): FailureData {
  if (!(error instanceof EmdcError)) {
    return { store: true, code: 'store-spool', message: messageOf(error), hint: '', remedy: 'spool' };
  }
  const { code, message, hint, remedy } = error;
  return { store: error instanceof StoreFailure, code, message, hint, remedy };
}

export const failureOf = (data: FailureData): EmdcError => (data.store ? new StoreFailure(data) : new EmdcError(data));
