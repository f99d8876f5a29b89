// Edits the XML of a sheet, for what the spreadsheet library cannot write: a bold header that stays in view, lists to choose
// from, and corrections that leave everything else in the file as it was.

export interface ChoiceList {
  /** `F2:F1000` */
  readonly range: string;
  /** At most 255 characters together with their commas: the format's limit. */
  readonly words: readonly string[];
  /** Shown for anything else, which is then refused. */
  readonly error: string;
}

export interface SheetLooks {
  readonly choices: readonly ChoiceList[];
  readonly columnCount: number;
}

/** The style that `styleHeader` appends, by its index. */
const HEADER_STYLE = 1;

export function dressSheet(xml: string, { choices, columnCount }: SheetLooks): string {
  const frozen =
    '<sheetView workbookViewId="0"><pane ySplit="1" topLeftCell="A2" activePane="bottomLeft" state="frozen"/></sheetView>';
  let dressed = replaceOnce(xml, '<sheetView workbookViewId="0"/>', frozen);
  const end = dressed.indexOf('</row>');
  const header = dressed.slice(0, end).replace(/<c r="([A-Z]+)1"/g, `<c r="$11" s="${HEADER_STYLE}"`);
  dressed = header + dressed.slice(end);
  if (columnCount === 0 || choices.length === 0) return dressed;
  const rules = choices.map(
    ({ range, words, error }) =>
      `<dataValidation type="list" allowBlank="1" showErrorMessage="1" error="${escapeXml(error)}" sqref="${range}">` +
      `<formula1>"${escapeXml(words.join(','))}"</formula1></dataValidation>`,
  );
  // The order of these elements is fixed by the format: validations stand right before ignoredErrors.
  return replaceOnce(
    dressed,
    '<ignoredErrors>',
    `<dataValidations count="${choices.length}">${rules.join('')}</dataValidations><ignoredErrors>`,
  );
}

/** Adds one cell format: bold on light grey. */
export function styleHeader(xml: string): string {
  const font =
    '<font><b/><sz val="12"/><color theme="1"/><name val="Calibri"/><family val="2"/><scheme val="minor"/></font>';
  const fill =
    '<fill><patternFill patternType="solid"><fgColor rgb="FFE7E6E6"/><bgColor indexed="64"/></patternFill></fill>';
  const format = '<xf numFmtId="0" fontId="1" fillId="2" borderId="0" xfId="0" applyFont="1" applyFill="1"/>';
  return [
    (s: string) => replaceOnce(s, '<fonts count="1">', '<fonts count="2">'),
    (s: string) => replaceOnce(s, '</fonts>', `${font}</fonts>`),
    (s: string) => replaceOnce(s, '<fills count="2">', '<fills count="3">'),
    (s: string) => replaceOnce(s, '</fills>', `${fill}</fills>`),
    (s: string) => replaceOnce(s, '<cellXfs count="1">', '<cellXfs count="2">'),
    (s: string) => replaceOnce(s, '</cellXfs>', `${format}</cellXfs>`),
  ].reduce((text, step) => step(text), xml);
}

/** Throws where the library has come to write something else: a workbook half dressed would not open. */
function replaceOnce(text: string, search: string, replacement: string): string {
  if (!text.includes(search)) throw new Error(`the spreadsheet library no longer writes ${search}`);
  return text.replace(search, () => replacement);
}

export const escapeXml = (text: string): string =>
  text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;').replace(/"/g, '&quot;');

const formulas = (attribute: string): RegExp => new RegExp(`<f\\b[^>]*?${attribute}[^>]*?(?:/>|>[\\s\\S]*?</f>)`, 'g');

/** `xml` with this value in the cell, whose format stays. Throws where the sheet has no such cell. */
export function setCell(xml: string, ref: string, value: string | number): string {
  const found = new RegExp(`<c\\b(?=[^>]*\\br="${ref}")([^>]*?)(?:/>|>[\\s\\S]*?</c>)`).exec(xml);
  if (found === null) throw new Error(`the sheet has no cell ${ref}`);
  const format = /\bs="\d+"/.exec(found[1] ?? '')?.[0] ?? '';
  const shared = /<f\b[^>]*\bsi="(\d+)"/.exec(found[0])?.[1];
  // Cells that share a formula hold it in the first of them only: all keep their values instead.
  if (shared !== undefined) return setCell(xml.replace(formulas(`si="${shared}"`), ''), ref, value);
  const start = `<c r="${ref}"${format === '' ? '' : ` ${format}`}`;
  const cell =
    typeof value === 'number'
      ? `${start}><v>${value}</v></c>`
      : `${start} t="inlineStr"><is><t xml:space="preserve">${escapeXml(value)}</t></is></c>`;
  return xml.slice(0, found.index) + cell + xml.slice(found.index + found[0].length);
}

/**
 * `xml` without these rows; the rows below move up. Formulas become the values that they had, since the cells they speak
 * of have moved.
 */
export function removeRows(xml: string, first: number, last: number): string {
  const count = last - first + 1;
  return xml.replace(/<row\b[^>]*?(?:\/>|>[\s\S]*?<\/row>)/g, (text) => {
    const number = Number(/<row\b[^>]*?\br="(\d+)"/.exec(text)?.[1]);
    if (number >= first && number <= last) return '';
    const plain = text.replace(formulas(''), '');
    if (number < first) return plain;
    return plain
      .replace(/(<row\b[^>]*?\br=")\d+"/, `$1${number - count}"`)
      .replace(/(<c\b[^>]*?\br="[A-Z]+)\d+"/g, `$1${number - count}"`);
  });
}

/** Takes out the element that has this attribute, in lists of parts such as `[Content_Types].xml`. */
export const removeElement = (xml: string, attribute: string): string =>
  xml.replace(new RegExp(`<\\w+\\b[^>]*${attribute}[^>]*/>`), '');
