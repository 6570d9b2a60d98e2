import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { chooseTunnel, type TunnelFacts } from '../../../src/setup/choose-tunnel.js';
import type { TunnelIdentity } from '../../../src/core/tunnel.js';

const existing = { id: '11111111-1111-4111-8111-111111111111', name: 'web', remote: false };
const installed: TunnelIdentity = { id: existing.id, name: existing.name, accountId: 'a', zoneId: 'z', domain: 'example.com', madeByUs: true, joined: false };
const ours = { id: 'ours', originIp: '192.0.2.1', version: '2026.8.2' };
const stranger = { id: 'theirs', originIp: '192.0.2.9', version: '2026.8.2' };
const facts = (more: Partial<TunnelFacts> = {}): TunnelFacts => ({ name: 'web', join: false, existing: undefined, hasOurSecret: false, connectors: [], knownConnectors: ['ours'], installed: undefined, ...more });

describe('the tunnel of a setup', () => {
  test('is created where there is none', () => {
    expect(chooseTunnel(facts())).toEqual({ kind: 'create' });
  });

  test('is used where nobody, or only we, are connected to it', () => {
    expect(chooseTunnel(facts({ existing }))).toEqual({ kind: 'use', tunnel: existing, existed: true, madeByUs: false, joined: false });
    expect(chooseTunnel(facts({ existing, connectors: [ours], installed }))).toMatchObject({ kind: 'use', existed: true, madeByUs: true, joined: false });
  });

  test('is not ours because another one of ours is installed', () => {
    expect(chooseTunnel(facts({ existing, installed: { ...installed, id: 'another' } }))).toMatchObject({ madeByUs: false });
  });

  test('is refused where others are connected, and says where from', () => {
    const choice = chooseTunnel(facts({ existing, connectors: [ours, stranger] }));
    expect(choice).toMatchObject({ kind: 'refuse', code: 'TUNNEL_IN_USE' });
    expect(choice.kind === 'refuse' && choice.message).toBe('The tunnel "web" has a connector (from 192.0.2.9) that is not ours.');
  });

  test('is refused where its rules are kept at Cloudflare, and ours would not count', () => {
    expect(chooseTunnel(facts({ existing: { ...existing, remote: true }, join: true }))).toMatchObject({ kind: 'refuse', code: 'TUNNEL_REMOTE' });
  });

  test('is joined when asked for, and stays joined at the next login', () => {
    expect(chooseTunnel(facts({ existing, connectors: [stranger], join: true }))).toMatchObject({ kind: 'use', madeByUs: false, joined: true });
    expect(chooseTunnel(facts({ existing, connectors: [ours, stranger], installed: { ...installed, madeByUs: false, joined: true } }))).toMatchObject({ kind: 'use', joined: true });
  });

  test('is not made where one was to be joined', () => {
    expect(chooseTunnel(facts({ join: true }))).toMatchObject({ kind: 'refuse', code: 'TUNNEL_FAILED' });
  });

  test('whose answer was lost is ours, and did not exist before', () => {
    expect(chooseTunnel(facts({ existing, hasOurSecret: true }))).toEqual({ kind: 'use', tunnel: existing, existed: false, madeByUs: true, joined: false });
  });

  test('is never taken from others unless this machine joins or has joined', () => {
    const connectors = fc.array(fc.constantFrom(ours, stranger));
    const anyInstalled = fc.option(fc.record({ madeByUs: fc.boolean(), joined: fc.boolean() }).map((flags) => ({ ...installed, ...flags })), { nil: undefined });
    fc.assert(
      fc.property(connectors, anyInstalled, fc.boolean(), fc.boolean(), (live, current, join, hasOurSecret) => {
        const choice = chooseTunnel(facts({ existing, connectors: live, installed: current, join, hasOurSecret }));
        const isOthers = live.includes(stranger);
        if (isOthers && !join && current?.joined !== true) expect(choice.kind).toBe('refuse');
        else expect(choice.kind).toBe('use');
        if (choice.kind === 'use' && isOthers) expect(choice.joined).toBe(true);
      }),
    );
  });
});
