import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseConfig, parseDescription, parseNet } from '../../../src/devices/proxmox/parse-config.js';
import { interfacesSchema, parseInterfaces } from '../../../src/devices/proxmox/parse-interfaces.js';

const MAC = 'bc:24:11:aa:bb:cc';

describe('a description', () => {
  test.each<[string, string, string | undefined]>([
    ['as Portacode writes it', 'portacode-managed:true;device_id=598;template=debian-12', '598'],
    ['with the newline that Proxmox adds', 'portacode-managed:true;device_id=598\n', '598'],
    ['with blanks and a note of somebody', '  portacode-managed:true ; device_id = 598 \r\nnote: do not delete\n', '598'],
    ['on lines of its own', 'portacode-managed:true\ndevice_id=598', '598'],
    ['saying the same twice', 'portacode-managed:true;device_id=598;device_id=598', '598'],
    ['of somebody else', 'device_id=598', undefined],
    ['not managed', 'portacode-managed:false;device_id=598', undefined],
    ['of two devices, as a tenant would have it', 'portacode-managed:true;device_id=599;hostname=x;device_id=598', undefined],
    ['of two devices, one of them nonsense', 'portacode-managed:true;device_id=599;hostname=x;device_id=', undefined],
    ['two devices over a newline', 'portacode-managed:true;hostname=x\ndevice_id=1;device_id=598', undefined],
    ['a number in words', 'portacode-managed:true;device_id=all', undefined],
    ['a part that only ends so', 'portacode-managed:true;my_device_id=598', undefined],
    ['longer than a number can be', `portacode-managed:true;device_id=${'1'.repeat(21)}`, undefined],
    ['empty', '', undefined],
  ])('%s', (_, text, deviceId) => {
    expect(parseDescription(text)).toBe(deviceId);
  });

  test('nothing that a tenant puts into a part makes it another device', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary' }), fc.constantFrom(';', '\n', '\r\n'), (typed, separator) => {
      expect([undefined, '598']).toContain(parseDescription(`portacode-managed:true${separator}device_id=598${separator}hostname=${typed}`));
    }));
  });
});

describe('an interface in the config', () => {
  test('its MAC, and no address where DHCP gives one', () => {
    expect(parseNet(0, `name=eth0,bridge=vmbr1,hwaddr=${MAC.toUpperCase()},ip=dhcp,type=veth`)).toEqual({ index: 0, mac: MAC, staticAddresses: [] });
  });

  test.each([
    ['ip=10.10.0.5/24', ['10.10.0.5']],
    ['ip=10.10.0.5', ['10.10.0.5']],
    ['gw=10.10.0.1,ip=10.10.0.5/24,ip6=FD00::5/64,gw6=fd00::1', ['10.10.0.5', 'fd00::5']],
    ['ip=manual,ip6=auto', []],
    ['ip=10.10.0.5/240', []],
    ['ip=10.10.0.500/24', []],
    ['ip=010.10.0.5/24', []],
    ['ip=fd00::5/64', []],
    ['ip6=fe80::1%eth0/64', []],
    ['ip=127.0.0.1/8,ip6=fe80::1/64', []],
    ['ip=169.254.169.254/16,ip6=fd00::5/64', ['fd00::5']],
    ['ip6=::ffff:10.10.0.5', []],
    ['ip=', []],
  ])('%s', (text, addresses) => {
    expect(parseNet(2, `name=eth0,hwaddr=${MAC},${text}`)?.staticAddresses).toEqual(addresses);
  });

  test.each([
    ['without a MAC', 'name=eth0,ip=dhcp'],
    ['with a MAC of nobody', 'name=eth0,hwaddr=00:00:00:00:00:00'],
    ['with a MAC of a group', 'name=eth0,hwaddr=ff:ff:ff:ff:ff:ff'],
    ['with two MACs', `hwaddr=${MAC},hwaddr=bc:24:11:00:00:01`],
    ['that is unplugged', `hwaddr=${MAC},link_down=1`],
    ['that is empty', ''],
  ])('one %s is none', (_, text) => {
    expect(parseNet(0, text)).toBeUndefined();
  });

  test('all of them, by number', () => {
    const nets = parseConfig({ net10: 'hwaddr=bc:24:11:00:00:10', net2: 'hwaddr=bc:24:11:00:00:02', net0: 'hwaddr=bc:24:11:00:00:00', netx: 'hwaddr=bc:24:11:00:00:ff', net1: 7, description: 'portacode-managed:true;device_id=5' });
    expect(nets).toMatchObject({ deviceId: '5', nets: [{ index: 0 }, { index: 2 }, { index: 10 }] });
  });

  test('any text gives an interface or none', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => {
      expect(parseNet(0, text)?.mac ?? MAC).toMatch(/^[0-9a-f:]{17}$/);
    }));
  });
});

describe('what a container says of its interfaces', () => {
  test.each([
    ['one version', [{ name: 'eth0', inet: '10.10.0.111/24', inet6: 'FD00::5/64' }]],
    ['another version', [{ name: 'eth0', 'ip-addresses': [{ 'ip-address': '10.10.0.111', prefix: '24' }, { 'ip-address': 'fd00::5' }] }]],
  ])('in %s', (_, data) => {
    expect([...parseInterfaces(interfacesSchema.parse(data))]).toEqual(['10.10.0.111', 'fd00::5']);
  });

  test('nothing of it is trusted to be an address', () => {
    expect([...parseInterfaces([{ inet: 'http://10.10.0.1/24' }, { inet: '' }, { inet6: '-' }])]).toEqual([]);
    expect([...parseInterfaces(interfacesSchema.parse(null))]).toEqual([]);
  });
});
