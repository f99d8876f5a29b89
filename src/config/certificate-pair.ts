// Whether a certificate and a private key belong together, before a daemon is started with them.

import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { messageOf } from '../model/errors.js';

export interface PairProblem {
  readonly key: 'http.tlsCertificate' | 'http.tlsKey';
  readonly expected: string;
  readonly severity: 'error' | 'warning';
}

/** Both are paths of PEM files; the certificate's file may hold a chain, its own first. */
export function certificatePairProblems(certificateFile: string, keyFile: string, now: number): readonly PairProblem[] {
  const certificate = attempt(() => new X509Certificate(readFileSync(certificateFile)));
  const key = attempt(() => createPrivateKey(readFileSync(keyFile)));
  const problems: PairProblem[] = [];
  if ('error' in certificate) {
    problems.push({
      key: 'http.tlsCertificate',
      expected: `expected a certificate in PEM form that can be read (${certificate.error})`,
      severity: 'error',
    });
  }
  if ('error' in key) {
    const expected = `expected a private key in PEM form, without passphrase, that can be read (${key.error})`;
    problems.push({ key: 'http.tlsKey', expected, severity: 'error' });
  }
  if ('error' in certificate || 'error' in key) return problems;
  const { value: x509 } = certificate;
  if (!x509.checkPrivateKey(key.value)) {
    const expected = `expected the key of http.tlsCertificate: this one belongs to another certificate`;
    problems.push({ key: 'http.tlsKey', expected, severity: 'error' });
  }
  if (now > Date.parse(x509.validTo)) {
    problems.push({ key: 'http.tlsCertificate', expected: `expired on ${x509.validTo}`, severity: 'warning' });
  } else if (now < Date.parse(x509.validFrom)) {
    problems.push({ key: 'http.tlsCertificate', expected: `not valid before ${x509.validFrom}`, severity: 'warning' });
  }
  return problems;
}

function attempt<T>(read: () => T): { readonly value: T } | { readonly error: string } {
  try {
    return { value: read() };
  } catch (error) {
    return { error: messageOf(error) };
  }
}
