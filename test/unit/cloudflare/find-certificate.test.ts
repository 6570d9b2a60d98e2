import { describe, expect, test } from 'vitest';
import { createFindCertificate } from '../../../src/cloudflare/find-certificate.js';
import { Secret } from '../../../src/core/secret.js';
import type { TunnelIdentity } from '../../../src/core/tunnel.js';
import { basePaths } from '../../../src/host/base-paths.js';

const ZONE = '023e105f4ecef8ad9ca31a8372d0c353';
const OTHER_ZONE = '699d98642c564d2e855e9661899b7252';
const DAMAGED = new Secret('-----BEGIN ARGO TUNNEL TOKEN-----\neyJ6\n');
const paths = basePaths('/base');

const certificateOf = (zoneID: string): Secret => {
  const token = Buffer.from(JSON.stringify({ zoneID, accountID: 'account', apiToken: 'token' })).toString('base64');
  return new Secret(`-----BEGIN ARGO TUNNEL TOKEN-----\n${token}\n-----END ARGO TUNNEL TOKEN-----\n`);
};
const tunnelIn = (zoneId: string): TunnelIdentity => ({ id: '11111111-1111-4111-8111-111111111111', name: 'web', domain: 'example.com', zoneId, accountId: 'account', madeByUs: true, joined: false });

interface Places {
  readonly staged?: Secret;
  /** A staged tunnel proves the staged certificate. */
  readonly isProven?: boolean;
  readonly inUse?: Secret;
  readonly zoneInUse?: string;
  readonly retired?: Secret;
}

const findIn = ({ staged, isProven = true, inUse, zoneInUse = ZONE, retired }: Places) =>
  createFindCertificate({
    paths,
    staging: { readCertificate: async () => staged, readTunnel: async () => (isProven ? { identity: tunnelIn(ZONE) } : undefined) },
    installed: async () => ({ identity: tunnelIn(zoneInUse), certificate: inUse }),
    retired: { read: async () => retired },
  })(ZONE);

describe('the certificate of a zone', () => {
  const ours = certificateOf(ZONE);

  test('is the staged one before the one in use, and that before a retired one', async () => {
    expect(await findIn({ staged: ours, inUse: ours, retired: ours })).toEqual({ pem: ours, file: paths.stagedCert, domain: 'example.com' });
    expect(await findIn({ inUse: ours, retired: ours })).toEqual({ pem: ours, file: paths.certPem, domain: 'example.com' });
    expect(await findIn({ retired: ours })).toEqual({ pem: ours, file: paths.retiredCert(ZONE), domain: undefined });
    expect(await findIn({})).toBeUndefined();
  });

  test('is none of another zone', async () => {
    const theirs = certificateOf(OTHER_ZONE);
    expect(await findIn({ staged: theirs, inUse: theirs, zoneInUse: OTHER_ZONE, retired: ours })).toMatchObject({ file: paths.retiredCert(ZONE) });
    expect(await findIn({ staged: theirs, inUse: theirs, retired: theirs })).toBeUndefined();
  });

  test('is not a staged one that is not proven', async () => {
    expect(await findIn({ staged: ours, isProven: false, inUse: ours })).toMatchObject({ file: paths.certPem });
  });

  test('is the next one where one is damaged', async () => {
    expect(await findIn({ staged: DAMAGED, inUse: ours })).toMatchObject({ file: paths.certPem });
    expect(await findIn({ staged: DAMAGED, inUse: DAMAGED, retired: ours })).toMatchObject({ file: paths.retiredCert(ZONE) });
    expect(await findIn({ staged: DAMAGED, inUse: DAMAGED, retired: DAMAGED })).toBeUndefined();
  });
});
