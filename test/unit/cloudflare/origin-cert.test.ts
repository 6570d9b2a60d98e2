import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { apiUrlOf, CLOUDFLARE_API_URL, FEDRAMP_API_URL, parseOriginCert } from '../../../src/cloudflare/origin-cert.js';
import { Secret } from '../../../src/core/secret.js';

const ZONE = '023e105f4ecef8ad9ca31a8372d0c353';
const ACCOUNT = '699d98642c564d2e855e9661899b7252';
const TOKEN = 'v1.0-secret_token-0123456789';

const block = (label: string, content: string): string => `-----BEGIN ${label}-----\n${(content.match(/.{1,64}/g) ?? []).join('\n')}\n-----END ${label}-----\n`;
const tokenBlock = (value: unknown): string => block('ARGO TUNNEL TOKEN', Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64'));
const good = { zoneID: ZONE, accountID: ACCOUNT, apiToken: TOKEN };
const parse = (pem: string) => parseOriginCert(new Secret(pem));

describe('an origin certificate', () => {
  test('gives zone, account and token', () => {
    const certificate = parse(tokenBlock(good));
    expect(certificate).toMatchObject({ zoneId: ZONE, accountId: ACCOUNT, endpoint: undefined });
    expect(certificate.apiToken.reveal()).toBe(TOKEN);
  });

  test('may hold the blocks of years ago, text around it, and Windows line ends', () => {
    const pem = `some words\n${block('PRIVATE KEY', 'AAAA')}${block('CERTIFICATE', 'BBBB')}${tokenBlock(good)}\n\n`.replaceAll('\n', '\r\n');
    expect(parse(pem).zoneId).toBe(ZONE);
  });

  test('of FedRAMP belongs to another API, unless an address was given', () => {
    const fed = parse(tokenBlock({ ...good, endpoint: 'FED' }));
    expect(apiUrlOf(fed, undefined)).toBe(FEDRAMP_API_URL);
    expect(apiUrlOf(parse(tokenBlock({ ...good, endpoint: '' })), undefined)).toBe(CLOUDFLARE_API_URL);
    expect(apiUrlOf(fed, 'http://127.0.0.1:1/client/v4')).toBe('http://127.0.0.1:1/client/v4');
  });

  test.each([
    ['empty', '', 'it is empty'],
    ['blank', ' \n ', 'it is empty'],
    ['no PEM', '{"zoneID":"x"}', 'no block'],
    ['an ordinary certificate', block('CERTIFICATE', 'AAAA'), 'no block'],
    ['a foreign block', block('RSA PRIVATE KEY', 'AAAA') + tokenBlock(good), 'a block "RSA PRIVATE KEY"'],
    ['two tokens', tokenBlock(good) + tokenBlock(good), 'more than one block'],
    ['mixed labels', tokenBlock(good).replace('END ARGO TUNNEL TOKEN', 'END CERTIFICATE'), 'do not end as they begin'],
    ['cut off', tokenBlock(good).slice(0, 80), 'no block'],
    ['not base64', block('ARGO TUNNEL TOKEN', '%%%%'), 'not base64'],
    ['not JSON', tokenBlock('nothing'), 'not JSON'],
    ['a list', tokenBlock('[]'), 'not an object'],
    ['no token', tokenBlock({ ...good, apiToken: '' }), 'no apiToken'],
    ['no zone', tokenBlock({ accountID: ACCOUNT, apiToken: TOKEN }), 'no zoneID'],
    ['no account', tokenBlock({ zoneID: ZONE, apiToken: TOKEN }), 'no accountID'],
    ['a zone that leads elsewhere', tokenBlock({ ...good, zoneID: '../../accounts' }), 'zoneID is not an identifier'],
    ['a token that breaks the header', tokenBlock({ ...good, apiToken: 'a\r\nX-Evil: 1' }), 'apiToken cannot be sent'],
    ['far too long', 'x'.repeat(70_000), 'longer than any certificate'],
  ])('is refused when it is %s', (_name, pem, why) => {
    expect(() => parse(pem)).toThrow(why);
    expect(() => parse(pem)).toThrow(expect.objectContaining({ code: 'ORIGIN_CERT_INVALID' }));
  });

  test('is parsed or refused, whatever it holds, and no message holds a piece of it', () => {
    const field = fc.oneof(fc.string({ minLength: 12 }), fc.constant(undefined), fc.integer());
    const property = fc.property(fc.record({ zoneID: field, accountID: field, apiToken: field }), fc.nat(400), (value, cut) => {
      const pem = tokenBlock(value).slice(0, cut + 40);
      try {
        parse(pem);
      } catch (thrown) {
        expect(thrown).toMatchObject({ code: 'ORIGIN_CERT_INVALID' });
        for (const secret of Object.values(value)) if (typeof secret === 'string') expect((thrown as Error).message).not.toContain(secret);
      }
    });
    fc.assert(property, { numRuns: 500 });
  });
});
