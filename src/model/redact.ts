// Keeps secrets out of everything that people and machines get to read: passwords in URLs, bearer tokens, and the values of
// keys that are named like secrets.

/** `postgresql://emdc:secret@db/emdc` → `postgresql://emdc:***@db/emdc`; `Bearer abc` → `Bearer ***` */
export const redact = (text: string): string =>
  text
    .replaceAll(/([a-z][a-z0-9+.-]*:\/\/[^\s/:@]*:)[^\s/]*(@)/gi, '$1***$2')
    .replaceAll(/(Bearer\s+)[\w.~+/=-]+/gi, '$1***')
    .replaceAll(/([?&;\s](?:password|passwd|pwd|token|secret|api[_-]?key)=)[^\s&;,]+/gi, '$1***');

export const isSecretName = (name: string): boolean =>
  /password|passwd|secret|token|authorization|api_?key/i.test(name);
