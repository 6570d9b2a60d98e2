import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { agentDirectory } from '../../../src/portacode/agent-directory.js';
import { createMirror } from '../../../src/portacode/bridge/mirror.js';
import { parseCommand } from '../../../src/portacode/bridge/parse-command.js';
import { readInputLines } from '../../../src/portacode/bridge/read-lines.js';
import { tempDirectory } from '../../fixtures/temp-directory.js';

async function linesOf(chunks: readonly (Uint8Array | string)[], longest?: number): Promise<readonly (string | undefined)[]> {
  const lines: (string | undefined)[] = [];
  for await (const { text } of readInputLines((async function* () { yield* chunks; })(), longest)) lines.push(text);
  return lines;
}

describe('lines of input', () => {
  test('are whole however they are cut', async () => {
    await fc.assert(fc.asyncProperty(fc.array(fc.string({ unit: 'binary' }).map((text) => text.replaceAll('\n', ' '))), fc.array(fc.nat(9)), async (texts, cuts) => {
      const bytes = Buffer.from(texts.map((text) => `${text}\n`).join(''));
      const chunks: Uint8Array[] = [];
      for (let at = 0; at < bytes.length;) {
        const size = (cuts[chunks.length % Math.max(1, cuts.length)] ?? 0) + 1;
        chunks.push(bytes.subarray(at, at + size));
        at += size;
      }
      expect(await linesOf(chunks)).toEqual(texts.map((text) => Buffer.from(text).toString()));
    }));
  });

  test('that are too long are passed over, and nothing after them', async () => {
    expect(await linesOf(['12345', '6\n123\n', '1234', '5\n', 'last'], 4)).toEqual([undefined, '123', undefined, 'last']);
  });
});

describe('a line', () => {
  test.each([
    ['{', 'the line is not JSON'], ['[]', 'the line is not a JSON object'], ['"x"', 'the line is not a JSON object'], ['null', 'the line is not a JSON object'],
    ['{}', 'cmd is required'], ['{"cmd":5}', 'cmd is required'], ['{"cmd":""}', 'cmd is required'],
  ])('%s: %s', (text, message) => {
    expect(parseCommand({ text })).toMatchObject({ kind: 'wrong', event: { event: 'error', message, error_code: 'REQUEST_INVALID' } });
  });

  test('that is wrong is answered under the name of its request', () => {
    expect(parseCommand({ text: '{"request_id":"r1"}' })).toMatchObject({ event: { request_id: 'r1' } });
    expect(parseCommand({ text: undefined })).toMatchObject({ kind: 'wrong' });
    expect(parseCommand({ text: ' \r' })).toEqual({ kind: 'blank' });
    expect(parseCommand({ text: '{"cmd":"x","a":[1]}' })).toEqual({ kind: 'command', message: { cmd: 'x', a: [1] } });
  });
});

test.each<[Record<string, string>, string | undefined, string | undefined]>([
  [{ XDG_CONFIG_HOME: '/xdg', HOME: '/home/a' }, '/root', '/xdg/portacode'],
  [{ XDG_CONFIG_HOME: ' ', HOME: '/home/a' }, '/root', '/home/a/.config/portacode'],
  [{ XDG_CONFIG_HOME: 'relative' }, '/root', '/root/.config/portacode'],
  [{}, undefined, undefined],
])('with %j the agent reads in %s: %s', (env, home, expected) => {
  expect(agentDirectory(env, home)).toBe(expected);
});

const OURS = { managed_by: 'cloudflared-supervisor' };

function setUp() {
  const root = tempDirectory();
  const [stateDir, agentDir] = [join(root, 'daemon'), join(root, 'agent', 'portacode')];
  mkdirSync(stateDir);
  const failures: string[] = [];
  const mirror = createMirror({ stateDir: () => Promise.resolve(stateDir), agentDir, onFailure: (message) => void failures.push(message) });
  const pathOf = (directory: string, name: string): string => join(directory, `cloudflare_${name}.json`);
  return {
    root, stateDir, agentDir, failures, mirror,
    write: (directory: string, name: string, value: unknown) => {
      mkdirSync(directory, { recursive: true });
      writeFileSync(pathOf(directory, name), typeof value === 'string' ? value : JSON.stringify(value));
    },
    read: (name: string) => JSON.parse(readFileSync(pathOf(agentDir, name), 'utf8')) as unknown,
    pathOf,
  };
}

describe("the agent's own directory", () => {
  test('has the same files, private, and again when they change', async () => {
    const { mirror, write, read, stateDir, agentDir, pathOf, failures } = setUp();
    await mirror.refresh();
    write(stateDir, 'tunnel', { ...OURS, configured: true, connector_state: 'ready' });
    write(stateDir, 'forwarding', { ...OURS, rules: [] });
    await mirror.refresh();
    expect([read('tunnel'), read('forwarding')]).toEqual([{ ...OURS, configured: true, connector_state: 'ready' }, { ...OURS, rules: [] }]);
    expect(statSync(pathOf(agentDir, 'tunnel')).mode & 0o777).toBe(0o600);
    write(stateDir, 'forwarding', { ...OURS, rules: [{ hostname: 'a', destination: 'b' }] });
    await mirror.refresh();
    expect(read('forwarding')).toMatchObject({ rules: [{ hostname: 'a' }] });
    expect(failures).toEqual([]);
  });

  test('keeps fields of its own, and what Portacode had there before', async () => {
    const { mirror, write, read, stateDir, agentDir } = setUp();
    write(agentDir, 'forwarding', { rules: [{ hostname: 'a', destination: 'old', label: 'mine' }, { hostname: 'only here', destination: 'x' }], theirs: 1 });
    write(stateDir, 'forwarding', { ...OURS, rules: [{ hostname: 'a', destination: 'new' }] });
    await mirror.refresh();
    expect(read('forwarding')).toEqual({ ...OURS, rules: [{ hostname: 'a', destination: 'new', label: 'mine' }], theirs: 1 });
    const [before] = readdirSync(agentDir).filter((name) => name.includes('.before-supervisor-'));
    expect(readFileSync(join(agentDir, before ?? ''), 'utf8')).toContain('only here');
    write(stateDir, 'forwarding', { ...OURS, rules: [] });
    await mirror.refresh();
    expect(readdirSync(agentDir).filter((name) => name.includes('.before-supervisor-'))).toHaveLength(1);
  });

  test('is put right when somebody spoils it', async () => {
    const { mirror, write, read, stateDir, agentDir } = setUp();
    write(stateDir, 'tunnel', { ...OURS, configured: true });
    await mirror.refresh();
    write(agentDir, 'tunnel', '{"half');
    await mirror.refresh();
    expect(read('tunnel')).toEqual({ ...OURS, configured: true });
  });

  test('loses the tunnel with the daemon, but never the rules, nor what is not ours', async () => {
    const { mirror, write, stateDir, agentDir, pathOf } = setUp();
    for (const name of ['tunnel', 'forwarding']) write(stateDir, name, { ...OURS, rules: [] });
    await mirror.refresh();
    for (const name of ['tunnel', 'forwarding']) rmSync(pathOf(stateDir, name));
    await mirror.refresh();
    expect(readdirSync(agentDir)).toEqual(['cloudflare_forwarding.json']);
    write(agentDir, 'tunnel', { configured: true });
    await mirror.refresh();
    expect(readdirSync(agentDir)).toContain('cloudflare_tunnel.json');
  });

  test('is left alone where it is the same, by whatever name', async () => {
    const { mirror, write, stateDir, agentDir, root } = setUp();
    write(stateDir, 'tunnel', OURS);
    mkdirSync(join(root, 'agent'));
    symlinkSync(stateDir, agentDir);
    await mirror.refresh();
    expect(readdirSync(stateDir)).toEqual(['cloudflare_tunnel.json']);
  });

  test('that cannot be written is said once', async () => {
    const { mirror, write, stateDir, root, failures } = setUp();
    write(stateDir, 'tunnel', OURS);
    writeFileSync(join(root, 'agent'), 'in the way');
    await mirror.refresh();
    await mirror.refresh();
    expect(failures).toHaveLength(1);
  });
});
