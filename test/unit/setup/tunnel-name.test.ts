import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { checkTunnelName, chooseTunnelName } from '../../../src/setup/tunnel-name.js';

const source = { recordedName: undefined, hostname: 'Pve-1.Example.com', machineTag: 'a1b2c3' };

describe('the name of a tunnel', () => {
  test('is the given one, else the recorded one, else one of this machine', () => {
    expect(chooseTunnelName(' mine ', { ...source, recordedName: 'portacode-proxmox-6' })).toBe('mine');
    expect(chooseTunnelName(undefined, { ...source, recordedName: 'portacode-proxmox-6' })).toBe('portacode-proxmox-6');
    expect(chooseTunnelName(undefined, source)).toBe('supervisor-pve-1-a1b2c3');
    expect(chooseTunnelName(undefined, { ...source, recordedName: '' })).toBe('supervisor-pve-1-a1b2c3');
  });

  test.each([
    ['', 'is empty'],
    ['  ', 'is empty'],
    ['x'.repeat(101), 'is longer than 100 characters'],
    ['a\nb', 'has control characters'],
    ['a\u202Eb', 'has control characters'],
    ['22222222-2222-4222-8222-222222222222', 'is a UUID'],
  ])('is refused when it is %j', (name, why) => {
    expect(() => checkTunnelName(name)).toThrow(why);
    expect(() => checkTunnelName(name)).toThrow(expect.objectContaining({ code: 'OPTION_INVALID', problems: [expect.objectContaining({ field: 'name' })] }));
  });

  test('can be made of any host name', () => {
    fc.assert(
      fc.property(fc.string(), (hostname) => {
        const name = chooseTunnelName(undefined, { ...source, hostname });
        expect(name).toMatch(/^supervisor-[a-z0-9](?:[a-z0-9-]*[a-z0-9])?-a1b2c3$/);
        expect(checkTunnelName(name)).toBe(name);
      }),
    );
  });
});
