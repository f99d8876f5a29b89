// Cron expressions, judged by node-cron itself, so that what the configuration accepts is what the scheduler runs.

import { validateDetailed } from 'node-cron';

export type CheckedExpression =
  | { readonly valid: true /** With six fields, seconds first. */; readonly cron: string }
  | {
      readonly valid: false /** One per faulty field, e.g. `minute: "60" is not possible here`. */;
      readonly problems: readonly string[];
    };

const fieldNames: Readonly<Record<string, string>> = { dayOfMonth: 'day of month', dayOfWeek: 'day of week' };

/** Judges an expression of five fields, or of six with seconds first. */
export function checkExpression(text: string): CheckedExpression {
  const fields = text.trim().split(/\s+/);
  const { valid, errors } = validateDetailed(fields.join(' '));
  // node-cron takes a range that runs backwards (9-5) as one over the end of the hour or day; other crons refuse it, and
  // in a schedule it is more likely a slip.
  const backwards = valid ? fields.flatMap((field) => backwardsRanges(field)) : [];
  if (valid && backwards.length === 0)
    return { valid: true, cron: fields.length === 5 ? `0 ${fields.join(' ')}` : fields.join(' ') };
  const problems = errors.map(({ field, value, message }) => {
    if (field === 'expression') return message;
    const impossible = /impossible/.test(message);
    return impossible ? message : `${fieldNames[field] ?? field}: ${JSON.stringify(value)} is not possible here`;
  });
  return { valid: false, problems: [...problems, ...backwards] };
}

const backwardsRanges = (field: string): string[] =>
  field.split(',').flatMap((item) => {
    const [, low, high] = /^(\d+)-(\d+)(?:\/\d+)?$/.exec(item) ?? [];
    return Number(low) > Number(high) ? [`the range ${JSON.stringify(item)} runs backwards`] : [];
  });
