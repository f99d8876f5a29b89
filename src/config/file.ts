// The configuration file: YAML in, raw values with their lines out. Finds everything that is wrong with the file's shape
// (syntax, unknown keys, a list where a section belongs); what the values mean is judged elsewhere.

import { readFile } from 'node:fs/promises';
import { type Document, isNode, LineCounter, parseDocument, type YAMLError } from 'yaml';
import { messageOf, type Problem } from '../model/errors.js';
import { isSecretName } from '../model/redact.js';
import { didYouMean } from './format-error.js';
import { type KeyName, keyNames, meterKeyNames, virtualKeys } from './schema.js';
import { isRecord, problemAt, type Raw, type RawItem, type RawMeter } from './source-value.js';

export interface FileContents {
  readonly settings: ReadonlyMap<KeyName, Raw>;
  readonly meters: readonly RawMeter[];
  readonly virtual: readonly RawItem[];
  readonly problems: readonly Problem[];
}

/** Aliases that a file may resolve to: plenty for a thousand meters, too few to fill the memory. */
const maxAliases = 100_000;

const sections = new Set(keyNames.flatMap((key) => (key.includes('.') ? [key.slice(0, key.indexOf('.'))] : [])));
const topLevel = new Set(['meters', 'virtual', ...sections, ...keyNames.filter((key) => !key.includes('.'))]);

export async function readConfigFile(file: string): Promise<FileContents> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    const raw = { value: null, file, place: 'file' };
    return onlyProblems([
      problemAt(raw, { rule: 'file', expected: `expected a readable YAML file (${messageOf(error)})` }),
    ]);
  }
  return parseConfigFile(text, file);
}

export function parseConfigFile(text: string, file: string): FileContents {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, merge: true, prettyErrors: true });
  if (document.errors.length > 0) return onlyProblems(document.errors.map((error) => syntaxProblem(error, text, file)));
  let root: unknown;
  try {
    root = document.toJS({ maxAliasCount: maxAliases });
  } catch (error) {
    const raw = { value: '*', file, place: 'file' };
    return onlyProblems([problemAt(raw, { rule: 'yaml-syntax', expected: messageOf(error) })]);
  }
  return readRoot(root ?? {}, { file, place: placesOf(document, lines) });
}

interface Place {
  readonly file: string;
  /** `modbus.timeout (line 7)` for the path ['modbus', 'timeout']. */
  readonly place: (path: readonly (string | number)[]) => string;
}

function readRoot(root: unknown, { file, place }: Place): FileContents {
  const settings = new Map<KeyName, Raw>();
  const problems: Problem[] = [];
  let meters: RawMeter[] = [];
  let virtual: RawItem[] = [];
  if (!isRecord(root)) {
    const expected = 'expected keys and values, as in config/example.yaml';
    return onlyProblems([problemAt({ value: root, file, place: 'line 1' }, { rule: 'shape', expected })]);
  }
  const unknown = (path: string[], value: unknown, names: Iterable<string>) => {
    const key = path.at(-1) ?? '';
    const raw = { value: path.length > 1 || !isRecord(value) ? value : key, file, place: place(path) };
    problems.push(
      problemAt(raw, {
        rule: 'unknown-key',
        expected: `unknown key${didYouMean(key, names)}`,
        sensitive: isSecretName(key),
      }),
    );
  };
  for (const [key, value] of Object.entries(root)) {
    if (!topLevel.has(key)) unknown([key], value, topLevel);
    else if (value === null) continue;
    else if (key === 'meters') {
      const list = readList(value, { file, place }, meterList);
      meters = list.items.map((item) => ({ ...item, placeOf: (name) => item.place.replace(/^\S+/, `$&.${name}`) }));
      problems.push(...list.problems);
    } else if (key === 'virtual') {
      const list = readList(value, { file, place }, virtualList);
      virtual = list.items;
      problems.push(...list.problems);
    } else if (!sections.has(key)) settings.set(key as KeyName, { value, file, place: place([key]) });
    else if (!isRecord(value)) {
      problems.push(
        problemAt({ value, file, place: place([key]) }, { rule: 'shape', expected: `expected a section, ${key}: {…}` }),
      );
    } else {
      const names = keyNames.filter((name) => name.startsWith(`${key}.`)).map((name) => name.slice(key.length + 1));
      for (const [name, inner] of Object.entries(value)) {
        if (!names.includes(name)) unknown([key, name], inner, names);
        else if (inner !== null) {
          settings.set(`${key}.${name}` as KeyName, { value: inner, file, place: place([key, name]) });
        }
      }
    }
  }
  return { settings, meters, virtual, problems };
}

interface ListOf {
  readonly key: string;
  readonly item: string;
  readonly example: string;
  readonly names: readonly string[];
}

const meterList: ListOf = {
  key: 'meters',
  item: 'meter',
  example: '{name: …, host: …, map: …}',
  names: meterKeyNames,
};
const virtualList: ListOf = {
  key: 'virtual',
  item: 'virtual meter',
  example: '{name: …, plus: […], minus: […]}',
  names: virtualKeys,
};

/** A list of mappings, the values inside not judged yet. */
function readList(list: unknown, { file, place }: Place, kind: ListOf): { items: RawItem[]; problems: Problem[] } {
  const problems: Problem[] = [];
  if (!Array.isArray(list)) {
    const raw = { value: list, file, place: place([kind.key]) };
    const expected = `expected a list, one item per ${kind.item}`;
    return { items: [], problems: [problemAt(raw, { rule: 'shape', expected })] };
  }
  const items = list.flatMap((item: unknown, index): RawItem[] => {
    const path = [kind.key, index];
    const raw = { value: item, file, place: place(path) };
    if (!isRecord(item)) {
      problems.push(problemAt(raw, { rule: 'shape', expected: `expected a ${kind.item}, ${kind.example}` }));
      return [];
    }
    const keys = new Map<string, Raw>();
    for (const [key, value] of Object.entries(item)) {
      const inner = { value, file, place: place([...path, key]) };
      if (!kind.names.includes(key)) {
        const expected = `unknown key of a ${kind.item}${didYouMean(key, kind.names)}`;
        const sensitive = isSecretName(key);
        problems.push(problemAt(inner, { rule: 'unknown-key', expected, sensitive }));
      } else if (value !== null) keys.set(key, inner);
    }
    return [{ file, place: raw.place, keys }];
  });
  return { items, problems };
}

function placesOf(document: Document, lines: LineCounter): Place['place'] {
  return (path) => {
    const name = path.reduce<string>(
      (text, part) => (typeof part === 'number' ? `${text}[${part}]` : text === '' ? part : `${text}.${part}`),
      '',
    );
    const node = document.getIn(path, true);
    const offset = isNode(node) ? node.range?.[0] : undefined;
    return offset === undefined ? name : `${name} (line ${lines.linePos(offset).line})`;
  };
}

function syntaxProblem(error: YAMLError, text: string, file: string): Problem {
  const { line, col } = error.linePos?.[0] ?? { line: 1, col: 1 };
  const source = text.split('\n')[line - 1]?.trim() ?? '';
  const expected = error.message.split(/ at line \d|\n/)[0] ?? error.message;
  return problemAt({ value: source, file, place: `line ${line}, column ${col}` }, { rule: 'yaml-syntax', expected });
}

const onlyProblems = (problems: readonly Problem[]): FileContents => ({
  settings: new Map(),
  meters: [],
  virtual: [],
  problems,
});
