import { inspect } from 'node:util';
import { hostname } from 'node:os';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseAccess, type ProxmoxAccess, type TrustOptions } from '../../../src/devices/proxmox/access.js';

const FILE = { host: 'pve.example', node: 'pve', user: 'root@pam', token_name: 'portacode', token_value: 'very-secret-value' };
const FINGERPRINT = 'AB'.repeat(32).replaceAll(/(..)(?=.)/g, '$1:');

const read = (file: unknown, options: TrustOptions = {}) => parseAccess(typeof file === 'string' ? file : JSON.stringify(file), 'proxmox_infra.json', options);
const accessOf = (file: unknown, options?: TrustOptions): ProxmoxAccess => {
  const reading = read(file, options);
  if (reading.kind !== 'configured') throw new Error(JSON.stringify(reading));
  return reading.access;
};

describe('how Proxmox is reached', () => {
  test.each([
    ['pve.example', 'https://pve.example:8006'],
    ['10.0.0.5', 'https://10.0.0.5:8006'],
    ['10.0.0.5:18006', 'https://10.0.0.5:18006'],
    ['pve.example:443', 'https://pve.example:443'],
    ['fd00::5', 'https://[fd00::5]:8006'],
    ['[fd00::5]:18006', 'https://[fd00::5]:18006'],
    ['https://pve.example:8006/', 'https://pve.example:8006'],
  ])('%s', (host, origin) => {
    expect(accessOf({ ...FILE, host }).origin).toBe(origin);
  });

  test('the node is this machine where none is named', () => {
    expect(accessOf({ ...FILE, node: undefined }).node).toBe(hostname().split('.')[0]);
  });

  test('the token goes into the header, and nowhere else', () => {
    const access = accessOf(FILE);
    expect(access.authorization.reveal()).toBe('PVEAPIToken=root@pam!portacode=very-secret-value');
    expect(inspect(access) + JSON.stringify(access)).not.toContain('very-secret-value');
  });

  test('its certificate: not verified by default, else by roots, a CA, or its very fingerprint', () => {
    expect(accessOf(FILE).trust).toEqual({ kind: 'none' });
    expect(accessOf({ ...FILE, verify_ssl: true }).trust).toEqual({ kind: 'roots', caFile: undefined });
    expect(accessOf({ ...FILE, verify_ssl: 1 }).trust).toEqual({ kind: 'roots', caFile: undefined });
    expect(accessOf(FILE, { caFile: '/ca.pem' }).trust).toEqual({ kind: 'roots', caFile: '/ca.pem' });
    expect(accessOf({ ...FILE, ca_file: '/ca.pem' }).trust).toEqual({ kind: 'roots', caFile: '/ca.pem' });
    expect(accessOf({ ...FILE, fingerprint: FINGERPRINT }).trust).toEqual({ kind: 'fingerprint', sha256: 'ab'.repeat(32) });
    expect(accessOf(FILE, { caFile: '/ca.pem', fingerprint: 'AB'.repeat(32) }).trust).toEqual({ kind: 'fingerprint', sha256: 'ab'.repeat(32) });
  });

  test.each<[string, unknown]>([
    ['half of it', JSON.stringify(FILE).slice(0, 40)],
    ['no token', { ...FILE, token_value: undefined }],
    ['a token that ends the header', { ...FILE, token_value: 'x\r\nHost: evil' }],
    ['a host with a path', { ...FILE, host: 'pve.example/x' }],
    ['a host with a user', { ...FILE, host: 'a@pve.example' }],
    ['a node that is a path', { ...FILE, node: '../cluster' }],
    ['half a fingerprint', { ...FILE, fingerprint: 'ab' }],
  ])('%s cannot be used, and no value is told', (_, file) => {
    const reading = read(file);
    expect(reading.kind).toBe('unusable');
    expect(JSON.stringify(reading)).not.toContain('very-secret');
  });

  test('an empty object is what is left where Proxmox was taken away', () => {
    expect(read({})).toEqual({ kind: 'absent' });
  });

  test('any file gives an answer', () => {
    fc.assert(fc.property(fc.oneof(fc.string(), fc.json(), fc.record({ host: fc.string(), token_name: fc.string(), token_value: fc.string() }).map((value) => JSON.stringify(value))), (text) => {
      const reading = read(text);
      if (reading.kind === 'configured') expect(URL.canParse(reading.access.origin)).toBe(true);
    }));
  });
});
