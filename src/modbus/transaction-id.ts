// Numbers for requests, so that an answer can be told from those to other requests.

let transactionId = Math.floor(Math.random() * 65_536);

/**
 * Unique over all connections until 65,536 requests later, and never the next number: an answer that a gateway kept from
 * an earlier connection, or that a device numbers by its own counting, does not fit.
 */
export function nextTransactionId(): number {
  transactionId = (transactionId + 25_183) & 0xffff;
  return transactionId;
}
