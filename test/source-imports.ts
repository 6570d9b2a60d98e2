import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';

/** One import of a source file, as it is written. */
export interface Import {
  /** A file below src, or the name of a package (`zod`, `node:fs`). */
  readonly target: string;
  /** What stands in the braces. */
  readonly names: readonly string[];
  /** Nothing of it is there when the program runs. */
  readonly typeOnly: boolean;
  /** `import('…')`: loaded when it is needed. */
  readonly dynamic: boolean;
  readonly reExport: boolean;
  readonly everything: boolean;
}

export interface SourceFile {
  /** Below src. */
  readonly path: string;
  /** The first folder; empty for a file that lies in src itself. */
  readonly folder: string;
  readonly text: string;
  readonly imports: readonly Import[];
}

const SOURCE = join(import.meta.dirname, '..', 'src');
const STATIC = /^(import|export)\s+(type\s+)?([^'";]*?)\s*(?:from\s+)?'([^']+)';?$/gm;
const DYNAMIC = /(typeof\s+)?\bimport\('([^']+)'\)/g;

export function readSources(): readonly SourceFile[] {
  return readdirSync(SOURCE, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts'))
    .map((path) => {
      const text = readFileSync(join(SOURCE, path), 'utf8');
      return { path, folder: path.includes('/') ? (path.split('/')[0] ?? '') : '', text, imports: readImports(path, text) };
    });
}

function readImports(path: string, text: string): readonly Import[] {
  const written = [...text.matchAll(STATIC)].map(([, keyword, type, names = '', specifier = '']) => ({
    target: resolve(path, specifier),
    names: names.startsWith('{') ? namesOf(names) : [],
    typeOnly: type !== undefined || (names.startsWith('{') && namesOf(names).every((name) => name.startsWith('type '))),
    dynamic: false,
    reExport: keyword === 'export',
    everything: keyword === 'export' && names.startsWith('*'),
  }));
  const loaded = [...text.matchAll(DYNAMIC)].map(([, type, specifier = '']) => ({
    target: resolve(path, specifier),
    names: [],
    typeOnly: type !== undefined,
    dynamic: true,
    reExport: false,
    everything: false,
  }));
  return [...written, ...loaded];
}

const namesOf = (braces: string): string[] =>
  braces.replace(/^\{|\}$/g, '').split(',').map((name) => name.trim()).filter((name) => name !== '');

function resolve(from: string, specifier: string): string {
  if (!specifier.startsWith('.')) return specifier;
  return relative(SOURCE, join(SOURCE, dirname(from), specifier)).replace(/\.js$/, '.ts');
}
