// JSON as the ancestor's tools take it: with // and /* */ comments.

/** The text with comments turned into spaces, so that positions in error messages stay true. Throws a SyntaxError on an open comment. */
export function withoutComments(text: string): string {
  return text.replace(/"(?:[^"\\]|\\.)*"|\/\/[^\n\r]*|\/\*[\s\S]*?(\*\/|$)/g, (part, end: string | undefined) => {
    if (part.startsWith('"')) return part;
    if (end === '') throw new SyntaxError('comment is not closed: */ is missing');
    return part.replace(/[^\n\r]/g, ' ');
  });
}

export const parseJsonWithComments = (text: string): unknown => JSON.parse(withoutComments(text));
