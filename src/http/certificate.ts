// The certificate of HTTPS. It is renewed every few weeks, and the collector runs for years: the files are read again when
// the configuration is (SIGHUP).

import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { Server } from 'node:https';
import { createSecureContext, type SecureContextOptions } from 'node:tls';
import type { Config } from '../config/config.js';
import { EmdcError, messageOf } from '../model/errors.js';
import type { Log } from '../model/log.js';

export interface Certificate extends SecureContextOptions {
  readonly cert: Buffer;
  readonly key: Buffer;
}

/** null: none is configured. Rejects with an EmdcError when the files cannot be read, or do not belong together. */
export async function readCertificate({ tlsCertificate, tlsKey }: Config['http']): Promise<Certificate | null> {
  if (tlsCertificate === '' && tlsKey === '') return null;
  try {
    const [cert, key] = await Promise.all([readFile(tlsCertificate), readFile(tlsKey)]);
    const certificate: Certificate = { cert, key, minVersion: 'TLSv1.2' };
    createSecureContext(certificate);
    return certificate;
  } catch (cause) {
    throw new EmdcError({
      code: 'http-certificate',
      message: `the certificate or its key cannot be used: ${messageOf(cause)}`,
      hint: 'http.tlsCertificate and http.tlsKey name two PEM files that belong together and that the collector may read',
      cause,
    });
  }
}

/** New connections get what the files hold now. Resolves to what is in use: where the files are faulty, as before. */
export async function renewCertificate(
  server: Server,
  inUse: Certificate,
  { http, log }: { readonly http: Config['http']; readonly log: Log },
): Promise<Certificate> {
  try {
    const certificate = await readCertificate(http);
    if (certificate === null || (certificate.cert.equals(inUse.cert) && certificate.key.equals(inUse.key)))
      return inUse;
    server.setSecureContext(certificate);
    log.info('HTTPS certificate taken over', { validTo: new X509Certificate(certificate.cert).validTo });
    return certificate;
  } catch (error) {
    const hint = error instanceof EmdcError ? error.hint : undefined;
    log.error('HTTPS certificate was not taken over, the old one stays in use', { error: messageOf(error), hint });
    return inUse;
  }
}
