import { isAlias, isMap, isScalar, isSeq, type Document, type LineCounter, type Node, type Pair, type Scalar } from 'yaml';

import { parseDurationMs } from '../go-duration.js';
import { goQuote } from '../go-quote.js';

/** Takes one value out of a node. Undefined where it is null, or wrong: then the decoder has noted it. */
export type Decode<T> = (decoder: YamlDecoder, node: Node | null) => T | undefined;

const YES = new Set(['y', 'Y', 'yes', 'Yes', 'YES', 'on', 'On', 'ON']);
const NO = new Set(['n', 'N', 'no', 'No', 'NO', 'off', 'Off', 'OFF']);
const SHOWN_LENGTH = 10;

function tagOf(node: Node): string {
  if (isMap(node)) return '!!map';
  if (isSeq(node)) return '!!seq';
  const value = isScalar(node) ? node.value : null;
  if (typeof value === 'number') return Number.isInteger(value) ? '!!int' : '!!float';
  if (typeof value === 'boolean') return '!!bool';
  return value === null ? '!!null' : '!!str';
}

/** Reads a document into what a caller expects, and collects problems as cloudflared words them. */
export class YamlDecoder {
  /** What makes the file unusable. */
  readonly problems: string[] = [];
  /** Keys that nothing takes. */
  readonly unused: string[] = [];
  readonly #document: Document;
  readonly #lines: LineCounter;

  constructor(document: Document, lines: LineCounter) {
    this.#document = document;
    this.#lines = lines;
  }

  lineOf(node: Node): number {
    return this.#lines.linePos(node.range?.[0] ?? 0).line;
  }

  /** Behind an alias, too. */
  target(node: Node | null): Node | null {
    return isAlias(node) ? (node.resolve(this.#document) ?? null) : node;
  }

  toValue(node: Node | null): unknown {
    return node === null ? null : (node.toJS(this.#document) as unknown);
  }

  mismatch(node: Node, type: string): undefined {
    const text = isScalar(node) ? (node.source ?? String(node.value)) : undefined;
    const shown = text === undefined ? '' : ` \`${text.length > SHOWN_LENGTH ? `${text.slice(0, 7)}...` : text}\``;
    this.problems.push(`line ${this.lineOf(node)}: cannot unmarshal ${tagOf(node)}${shown} into ${type}`);
    return undefined;
  }

  /** The keys of a mapping with their values, null ones left out; undefined where the node is none. */
  pairs(node: Node | null, type: string): readonly (readonly [key: Scalar, value: Node | null])[] | undefined {
    const target = this.target(node);
    if (target === null || (isScalar(target) && target.value === null)) return undefined;
    if (!isMap(target)) return this.mismatch(target, type);
    const seen = new Map<string, number>();
    const merged: (readonly [Scalar, Node | null])[] = [];
    const found: (readonly [Scalar, Node | null])[] = [];
    for (const pair of target.items as Pair<Node, Node | null>[]) {
      const key = this.target(pair.key);
      if (!isScalar(key)) continue;
      if (isMergeKey(key)) {
        for (const source of this.#mergeSources(pair.value)) merged.push(...(this.pairs(source, type) ?? []));
        continue;
      }
      const name = String(key.value);
      const before = seen.get(name);
      if (before !== undefined) this.problems.push(`line ${this.lineOf(key)}: mapping key ${goQuote(name)} already defined at line ${before}`);
      seen.set(name, this.lineOf(key));
      found.push([key, pair.value]);
    }
    // What is written here comes last, so that it counts.
    return [...merged, ...found];
  }

  #mergeSources(node: Node | null): readonly (Node | null)[] {
    const target = this.target(node);
    return isSeq(target) ? (target.items as (Node | null)[]) : [target];
  }
}

/** `<<`, which the library turns into a symbol. */
const isMergeKey = ({ value }: Scalar): boolean => typeof value === 'symbol' && value.description === '<<';

const scalar = <T>(type: string, take: (value: unknown, source: string) => T | undefined): Decode<T> => (decoder, node) => {
  const target = decoder.target(node);
  if (target === null || (isScalar(target) && target.value === null)) return undefined;
  if (!isScalar(target)) return decoder.mismatch(target, type);
  return take(target.value, target.source ?? String(target.value)) ?? decoder.mismatch(target, type);
};

export const decodeText: Decode<string> = scalar('string', (value, source) => (typeof value === 'string' ? value : source));

export const decodeSwitch: Decode<boolean> = scalar('bool', (value) => {
  if (typeof value === 'boolean') return value;
  if (typeof value !== 'string') return undefined;
  return YES.has(value) ? true : NO.has(value) ? false : undefined;
});

export const decodeInteger = (type: 'int' | 'uint' | 'uint64'): Decode<number> =>
  scalar(type, (value) => (typeof value === 'number' && Number.isFinite(value) && (type === 'int' || value >= 0) ? Math.trunc(value) : undefined));

/** In ms. */
export const decodeDuration: Decode<number> = scalar('time.Duration', (value) => (typeof value === 'string' ? parseDurationMs(value) : undefined));

export const decodeList = <T>(type: string, item: Decode<T>): Decode<readonly T[]> => (decoder, node) => {
  const target = decoder.target(node);
  if (target === null || (isScalar(target) && target.value === null)) return undefined;
  if (!isSeq(target)) return decoder.mismatch(target, `[]${type}`);
  return (target.items as (Node | null)[]).map((entry) => item(decoder, entry)).filter((entry) => entry !== undefined);
};

type Fields<T> = { readonly [K in keyof T]-?: Decode<Exclude<T[K], undefined>> };

/** A mapping with these keys; a key that is none of them is noted as unused, or given to `others`. */
export const decodeRecord = <T extends object>(type: string, fields: Fields<T>, others?: (name: string, value: unknown) => void): Decode<Partial<T>> => {
  const byName = new Map<string, Decode<unknown>>(Object.entries(fields));
  return (decoder, node) => {
    const pairs = decoder.pairs(node, type);
    if (pairs === undefined) return undefined;
    const entries: [string, unknown][] = [];
    for (const [key, value] of pairs) {
      const name = String(key.value);
      const decode = byName.get(name);
      if (decode !== undefined) {
        const decoded = decode(decoder, value);
        if (decoded !== undefined) entries.push([name, decoded]);
      } else if (others === undefined) {
        decoder.unused.push(`line ${decoder.lineOf(key)}: field ${name} not found in type ${type}`);
      } else {
        others(name, decoder.toValue(value));
      }
    }
    return Object.fromEntries(entries) as Partial<T>;
  };
};
