import { describe, expect, test } from 'vitest';
import { readSources, type SourceFile } from './source-imports.js';

/**
 * The layout is the architecture. What each folder may import, besides itself; `folder/file` allows that one file.
 * Whoever implements a port, or works against one, may import the types of any `ports.ts`.
 */
const ALLOWED: Readonly<Record<string, readonly string[]>> = {
  core: [],
  transaction: ['core'],
  forwarding: ['core', 'transaction'],
  connector: ['core', 'transaction'],
  setup: ['core', 'transaction'],
  host: ['core'],
  state: ['core', 'host'],
  cloudflare: ['core', 'host', 'state'],
  cloudflared: ['core', 'host'],
  releases: ['core', 'host', 'cloudflared'],
  upgrade: ['core', 'transaction'],
  service: ['core', 'host'],
  devices: ['core', 'host', 'state'],
  import: ['core', 'host', 'forwarding/path.ts', 'forwarding/rule-order.ts', 'forwarding/tls-verification.ts', 'forwarding/validate.ts', 'cloudflare/origin-cert.ts'],
  portacode: ['core', 'host', 'state', 'api'],
  api: ['core', 'host'],
  daemon: ['core', 'transaction', 'forwarding', 'connector', 'setup', 'host', 'state', 'cloudflare', 'cloudflared', 'releases', 'upgrade', 'devices', 'portacode', 'api', 'service/units.ts'],
  doctor: ['core', 'host', 'api', 'cloudflared', 'service', 'cloudflare/origin-cert.ts', 'daemon/replace-mode.ts'],
  cli: ['core', 'api', 'host', 'service', 'daemon/options.ts', 'daemon/main.ts', 'daemon/small-heap.ts', 'daemon/sweep.ts', 'portacode', 'releases', 'doctor', 'import'],
  sandbox: ['core', 'host/package-files.ts'],
  measure: ['core', 'api', 'host', 'sandbox'],
  demo: ['core', 'api', 'host', 'measure'],
  bench: ['core', 'api', 'host', 'sandbox', 'measure'],
};

/** Decide purely, act at the edge: what these folders do reaches the world through their ports alone. */
const PURE = ['core', 'transaction', 'forwarding', 'connector', 'setup', 'upgrade'];
const ACTING = ['node:fs', 'node:fs/promises', 'node:net', 'node:tls', 'node:http', 'node:http2', 'node:https', 'node:dgram', 'node:dns', 'node:child_process', 'node:worker_threads', 'undici', 'execa', 'tree-kill', 'node-pty', 'pino', 'write-file-atomic'];

/** What those modules hold of pure functions. */
const PURE_NAMES: ReadonlySet<string> = new Set(['isIP', 'isIPv4', 'isIPv6', 'BlockList']);

/** Each costs a short command more than all it does. */
const HEAVY = ['zod', 'undici', 'execa', 'yaml', 'pino', 'node-pty', 'write-file-atomic', '@peculiar/x509'];

const sources = readSources();
const byPath = new Map(sources.map((source) => [source.path, source]));
const inSource = (target: string): boolean => byPath.has(target);
const folderOf = (path: string): string => path.split('/')[0] ?? '';

describe('folders', () => {
  test('each has its rule', () => {
    expect([...new Set(sources.map((source) => source.folder))].filter((folder) => !(folder in ALLOWED))).toEqual([]);
  });

  test('each imports what it may, and nothing else', () => {
    const wrong = sources.flatMap((source) =>
      source.imports
        .filter(({ target, typeOnly }) => inSource(target) && !mayImport(source, target, typeOnly))
        .map(({ target }) => `${source.path} imports ${target}`),
    );
    expect(wrong).toEqual([]);
  });

  test('every relative import leads to a file', () => {
    const lost = sources.flatMap((source) => source.imports.filter(({ target }) => target.endsWith('.ts') && !inSource(target)).map(({ target }) => `${source.path} imports ${target}`));
    expect(lost).toEqual([]);
  });

  test('the deciding ones touch nothing', () => {
    const acting = sources
      .filter((source) => PURE.includes(source.folder))
      .flatMap((source) => source.imports.filter((one) => !one.typeOnly && ACTING.includes(one.target) && !isPureOnly(one.names)).map(({ target }) => `${source.path} imports ${target}`));
    expect(acting).toEqual([]);
  });

  test('nothing knows the sandbox but the command that starts it, the demo and the benchmark', () => {
    const knowing = sources
      .filter((source) => !['sandbox', 'measure', 'bench'].includes(source.folder) && source.imports.some(({ target }) => folderOf(target) === 'sandbox'))
      .map((source) => source.path);
    expect(knowing.filter((path) => !path.startsWith('cli/commands/sandbox'))).toEqual([]);
  });
});

const isPureOnly = (names: readonly string[]): boolean => names.length > 0 && names.every((name) => PURE_NAMES.has(name));

function mayImport(source: SourceFile, target: string, typeOnly: boolean): boolean {
  const folder = folderOf(target);
  if (folder === source.folder) return true;
  if (folder === 'sandbox' && source.path.startsWith('cli/commands/sandbox')) return true;
  if (typeOnly && source.folder !== 'core' && target.endsWith('/ports.ts') && folder !== 'sandbox') return true;
  const allowed = ALLOWED[source.folder] ?? [];
  return allowed.includes(folder) || allowed.includes(target);
}

describe('files', () => {
  test('no import goes round in a circle', () => {
    expect(findCycle()).toEqual([]);
  });

  test('there are no barrels', () => {
    const barrels = sources.filter(
      (source) =>
        source.path.endsWith('index.ts') ||
        source.imports.some(({ everything }) => everything) ||
        (source.imports.length > 0 && source.text.split('\n').every((line) => /^(\s*$|\/\/|\s*\*|\/\*|import |export (type )?\{.*from )/.test(line))),
    );
    expect(barrels.map((source) => source.path)).toEqual([]);
  });

  test.each(['cli/main.ts', 'api/client.ts'])('%s loads nothing heavy before it is needed', (entry) => {
    const heavy: string[] = [];
    const seen = new Set<string>();
    const visit = (path: string): void => {
      if (seen.has(path)) return;
      seen.add(path);
      for (const { target, typeOnly, dynamic } of byPath.get(path)?.imports ?? []) {
        if (typeOnly || dynamic) continue;
        if (HEAVY.includes(target)) heavy.push(`${path} imports ${target}`);
        if (inSource(target)) visit(target);
      }
    };
    visit(entry);
    expect(seen.size).toBeGreaterThan(1);
    expect(heavy).toEqual([]);
  });
});

/** The files of the first circle that is found. Types count: a circle of types is two files that are one. */
function findCycle(): readonly string[] {
  const done = new Set<string>();
  const search = (path: string, trail: readonly string[]): readonly string[] => {
    if (trail.includes(path)) return [...trail.slice(trail.indexOf(path)), path];
    if (done.has(path)) return [];
    for (const { target } of byPath.get(path)?.imports ?? []) {
      const cycle = inSource(target) ? search(target, [...trail, path]) : [];
      if (cycle.length > 0) return cycle;
    }
    done.add(path);
    return [];
  };
  for (const { path } of sources) {
    const cycle = search(path, []);
    if (cycle.length > 0) return cycle;
  }
  return [];
}
