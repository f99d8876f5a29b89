// Changes the XML of one sheet in an .xlsx file and leaves everything else in it as it was: other sheets, formats, notes and
// lists to choose from, which reading and writing through the spreadsheet library would lose.

import { EmdcError, messageOf } from '../model/errors.js';
import { escapeXml, removeElement } from './sheet-xml.js';
import { changePart, readZip, writeZip } from './zip.js';

/**
 * The same workbook with one sheet's XML changed and every other byte of content as it was. Throws EmdcError where the
 * workbook has no such sheet, or where `edit` throws.
 */
export function editSheet(bytes: Uint8Array, name: string, edit: (xml: string) => string): Buffer {
  try {
    const parts = new Map(readZip(Buffer.from(bytes)));
    const text = (name: string): string => parts.get(name)?.toString('utf8') ?? '';
    const id = attributeOf(text('xl/workbook.xml'), {
      tag: 'sheet',
      where: ['name', escapeXml(name)],
      wanted: 'r:id',
    });
    const rels = text('xl/_rels/workbook.xml.rels');
    const target = attributeOf(rels, { tag: 'Relationship', where: ['Id', id ?? ''], wanted: 'Target' });
    if (target === null) throw new Error(`it has no sheet ${name}`);
    changePart(parts, target.startsWith('/') ? target.slice(1) : `xl/${target}`, edit);
    dropCalculationChain(parts);
    return writeZip(parts);
  } catch (error) {
    throw new EmdcError({
      code: 'uncorrectable-workbook',
      message: `the workbook cannot be corrected: ${messageOf(error)}`,
      hint: 'Mend the cells by hand, or save the workbook anew in a spreadsheet program and try again.',
      cause: error,
    });
  }
}

/**
 * The list of formula cells, which spreadsheet programs make anew where it is absent, and call the file damaged where it
 * names a cell that has no formula any more.
 */
function dropCalculationChain(parts: Map<string, Buffer>): void {
  if (!parts.delete('xl/calcChain.xml')) return;
  changePart(parts, '[Content_Types].xml', (xml) => removeElement(xml, 'PartName="/xl/calcChain.xml"'));
  changePart(parts, 'xl/_rels/workbook.xml.rels', (xml) => removeElement(xml, 'Target="(?:/xl/)?calcChain.xml"'));
}

interface AttributeQuery {
  readonly tag: string;
  readonly where: readonly [name: string, value: string];
  readonly wanted: string;
}

function attributeOf(xml: string, { tag, where, wanted }: AttributeQuery): string | null {
  for (const [element] of xml.matchAll(new RegExp(`<${tag}\\b[^>]*>`, 'g'))) {
    const attributes = new Map([...element.matchAll(/([\w:]+)="([^"]*)"/g)].map((m) => [m[1], m[2] ?? '']));
    if (attributes.get(where[0]) === where[1]) return attributes.get(wanted) ?? null;
  }
  return null;
}
