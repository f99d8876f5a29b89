// What the spreadsheet library does not write and a sheet that people fill in should have: a bold header that stays in
// view, and lists to choose from. Put into the sheet's XML after the library has written it.

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

const escapeXml = (text: string): string =>
  text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;').replace(/"/g, '&quot;');
