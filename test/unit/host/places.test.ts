import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { decidePlaces, readPlaces, recordPlaces, SOCKET_PATH_BYTES, type PlaceRequest } from '../../../src/host/places.js';
import { tempDirectory } from '../../fixtures/temp-directory.js';

const alice = { uid: 1000, home: '/home/alice', chosenBy: 'process' } as const;
const request = (more: Partial<PlaceRequest> = {}): PlaceRequest => ({ identity: alice, options: {}, env: {}, ...more });

describe('decidePlaces', () => {
  const rows: readonly [string, Partial<PlaceRequest>, string, string][] = [
    ['an interactive shell', { env: { HOME: '/home/alice', USER: 'alice' } }, '/home/alice/.cloudflared/supervisor', '/home/alice/.config/portacode'],
    ['HOME unset', { env: {} }, '/home/alice/.cloudflared/supervisor', '/home/alice/.config/portacode'],
    ['HOME wrong', { env: { HOME: '/root' } }, '/home/alice/.cloudflared/supervisor', '/home/alice/.config/portacode'],
    ['XDG set', { env: { XDG_CONFIG_HOME: '/home/alice/cfg' } }, '/home/alice/.cloudflared/supervisor', '/home/alice/cfg/portacode'],
    ['XDG empty', { env: { XDG_CONFIG_HOME: '' } }, '/home/alice/.cloudflared/supervisor', '/home/alice/.config/portacode'],
    ['XDG relative, which counts as unset', { env: { XDG_CONFIG_HOME: 'cfg' } }, '/home/alice/.cloudflared/supervisor', '/home/alice/.config/portacode'],
    ["under sudo with root's XDG", { identity: { ...alice, chosenBy: 'sudo' }, env: { XDG_CONFIG_HOME: '/root/cfg' } }, '/home/alice/.cloudflared/supervisor', '/home/alice/.config/portacode'],
    ["--user with root's XDG", { identity: { ...alice, chosenBy: 'option' }, env: { XDG_CONFIG_HOME: '/root/cfg' } }, '/home/alice/.cloudflared/supervisor', '/home/alice/.config/portacode'],
    ['both directories given', { options: { baseDir: '/b', stateDir: '/s' }, env: { XDG_CONFIG_HOME: '/x' } }, '/b', '/s'],
    ['no passwd entry, both given', { identity: { uid: 4242, home: undefined, chosenBy: 'process' }, options: { baseDir: '/b', stateDir: '/s' } }, '/b', '/s'],
  ];
  test.each(rows)('%s', (_name, more, baseDir, stateDir) => {
    expect(decidePlaces(request(more))).toMatchObject({ baseDir, stateDir, socket: join(baseDir, 'control.sock'), paths: { baseDir } });
  });

  test.each([[{ baseDir: '/b' }, '--state-dir'], [{ stateDir: '/s' }, '--base-dir']])('without a passwd entry %j is not enough', (options, missing) => {
    expect(() => decidePlaces(request({ identity: { uid: 4242, home: undefined, chosenBy: 'process' }, options }))).toThrow(expect.objectContaining({ code: 'IDENTITY_UNKNOWN', message: expect.stringContaining(missing) as string }));
  });

  test('counts the bytes of the socket path, not its characters', () => {
    const atLimit = `/${'a'.repeat(SOCKET_PATH_BYTES - 1)}`;
    expect(decidePlaces(request({ options: { socket: atLimit } })).socket).toBe(atLimit);
    for (const socket of [`${atLimit}a`, `/${'é'.repeat(54)}`]) {
      expect(() => decidePlaces(request({ options: { socket } }))).toThrow(expect.objectContaining({ code: 'PATH_TOO_LONG', hint: expect.stringContaining('--socket') as string }));
    }
  });

  test('a base directory too deep for its socket works with a socket elsewhere', () => {
    const baseDir = `/${'d'.repeat(120)}`;
    expect(() => decidePlaces(request({ options: { baseDir } }))).toThrow(expect.objectContaining({ code: 'PATH_TOO_LONG' }));
    expect(decidePlaces(request({ options: { baseDir, socket: '/run/s' } }))).toMatchObject({ baseDir, socket: '/run/s' });
  });
});

describe('readPlaces', () => {
  const recorded = async (): Promise<{ readonly baseDir: string }> => {
    const baseDir = tempDirectory();
    await recordPlaces(decidePlaces(request({ options: { baseDir, socket: '/run/s' }, env: { XDG_CONFIG_HOME: '/xdg' } })));
    return { baseDir };
  };

  test.each([
    ['the same XDG', request({ env: { XDG_CONFIG_HOME: '/xdg' } })],
    ['another XDG', request({ env: { XDG_CONFIG_HOME: '/other' } })],
    ['none', request()],
    ['sudo', request({ identity: { ...alice, chosenBy: 'sudo' }, env: { XDG_CONFIG_HOME: '/root/x' } })],
  ])('with %s finds what run decided', async (_name, asked) => {
    const { baseDir } = await recorded();
    expect(await readPlaces({ ...asked, options: { baseDir } })).toMatchObject({ baseDir, stateDir: '/xdg/portacode', socket: '/run/s' });
  });

  test('options win', async () => {
    const { baseDir } = await recorded();
    expect(await readPlaces(request({ options: { baseDir, socket: '/run/other', stateDir: '/s' } }))).toMatchObject({ socket: '/run/other', stateDir: '/s' });
  });

  test('before the first run it is what run would decide', async () => {
    const baseDir = join(tempDirectory(), 'none');
    expect(await readPlaces(request({ options: { baseDir } }))).toEqual(expect.objectContaining({ stateDir: '/home/alice/.config/portacode', socket: join(baseDir, 'control.sock') }));
  });

  test.each(['', '{', '[]', '{"schemaVersion":1}', '{"schemaVersion":1,"stateDir":"relative","socket":"/s"}', '{"schemaVersion":"1","stateDir":"/a","socket":"/s"}'])('%j is corrupt', async (text) => {
    const baseDir = tempDirectory();
    writeFileSync(join(baseDir, 'paths.json'), text);
    await expect(readPlaces(request({ options: { baseDir } }))).rejects.toMatchObject({ code: 'DOCUMENT_CORRUPT' });
  });

  test('one of a newer version is refused, one that cannot be read is said', async () => {
    const baseDir = tempDirectory();
    writeFileSync(join(baseDir, 'paths.json'), '{"schemaVersion":2,"stateDir":"/a","socket":"/s"}');
    await expect(readPlaces(request({ options: { baseDir } }))).rejects.toMatchObject({ code: 'DOCUMENT_NEWER' });
    const other = tempDirectory();
    mkdirSync(join(other, 'paths.json'));
    await expect(readPlaces(request({ options: { baseDir: other } }))).rejects.toMatchObject({ code: 'STORAGE_FAILED' });
  });
});
