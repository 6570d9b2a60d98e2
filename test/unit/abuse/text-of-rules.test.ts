import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { SupervisorError } from '../../../src/core/errors.js';
import { pathPattern } from '../../../src/forwarding/path.js';
import { renderConfig } from '../../../src/forwarding/render.js';
import { resolveRules } from '../../../src/forwarding/resolve.js';
import { validateRules, type ValidatedRules } from '../../../src/forwarding/validate.js';

/** Free text of a rule, wherever it may stand: either it is refused, or cloudflared reads exactly what was asked. */

const TARGET = { tunnelId: '11111111-2222-3333-4444-555555555555', credentialsFile: '/base/credentials.json' };

/** What cloudflared's reader of YAML takes (YAML 1.1, "printable"); seen with the real program. All else ends it. */
const READABLE = /^[\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]*$/u;

async function validate(rule: object): Promise<ValidatedRules | undefined> {
  return validateRules([rule], { zone: 'example.com', outsideZone: 'refuse' }).catch((error: unknown) => {
    if (error instanceof SupervisorError && error.code === 'FORWARDING_INVALID') return undefined;
    throw error;
  });
}

async function render(rules: ValidatedRules) {
  const { yaml, ingress } = await renderConfig(await resolveRules(rules, { resolve: async () => new Map() }, { recorded: [], now: '' }), TARGET);
  expect(yaml).toMatch(READABLE);
  // The escapes of YAML too: half of a surrogate pair cannot be read back.
  expect(yaml).not.toMatch(/\\u[dD][89a-fA-F]/);
  expect(parse(yaml)).toEqual({ tunnel: TARGET.tunnelId, 'credentials-file': TARGET.credentialsFile, ingress });
  expect(ingress).toHaveLength(2);
  return ingress[0];
}

const odd = fc.constantFrom(
  '\ufffe', '\uffff', '\ufeff', '\ufdd0', '\ufffd', '\ud800', '\udfff', '\udc00\ud800', '\u{1fffe}', '\u{10ffff}', '\u2028', '\u2029', '\u0085', '\u00a0', '\u00ad', '\u200b', '\u202e', '\0', '\u007f', '\u009f',
  '\t', '\r\n', '"', '\'', '\\', '\\u0041', '%', '%00', '%FF', '%EF%BF%BE', '%ED%A0%80', ': ', ' #', '- ', '&a', '*a', '!!', '{{', '|', '>', '?', '@', '`', '$', '^', '(?i)', '\\Q', '[[:alpha:]]',
);
const text = fc.array(fc.oneof(odd, fc.string({ unit: 'binary', maxLength: 3 }), fc.constantFrom('a', 'b/', '.sock')), { minLength: 1, maxLength: 6 }).map((parts) => parts.join(''));
const runs = { numRuns: 3_000 };

describe('the text of a rule', () => {
  test('as the path of a unix socket', async () => {
    await fc.assert(fc.asyncProperty(fc.constantFrom('unix', 'unix+tls'), text, async (scheme, path) => {
      const rules = await validate({ hostname: 'a.example.com', destination: `${scheme}:/run/${path}x` });
      if (rules !== undefined) expect((await render(rules))?.service).toBe(`${scheme}:/run/${path}x`.trim());
    }), runs);
  });

  test('as the path of a CA file', async () => {
    await fc.assert(fc.asyncProperty(text, async (path) => {
      const rules = await validate({ hostname: 'a.example.com', destination: 'https://localhost', originRequest: { caPool: `/${path}` } });
      if (rules !== undefined) expect((await render(rules))?.originRequest).toEqual({ caPool: `/${path}` });
    }), runs);
  });

  test('as the path that visitors ask for, plain and encoded', async () => {
    await fc.assert(fc.asyncProperty(text, fc.boolean(), async (path, encode) => {
      const isWhole = !/\p{Cs}/u.test(path);
      const asked = `/${encode && isWhole ? encodeURIComponent(path) : path}`;
      const rules = await validate({ hostname: 'a.example.com', path: asked, destination: 'http://localhost' });
      if (rules === undefined) return;
      const rendered = (await render(rules))?.path;
      const stored = rules.rules[0]?.path;
      expect(rendered).toBe(stored === undefined ? undefined : pathPattern(stored));
      if (rendered === undefined) return;
      const decoded = decodeURIComponent(asked).replace(/\/$/, '');
      expect(new RegExp(rendered, 'u').test(decoded)).toBe(true);
    }), runs);
  });

  test('as any other option of the origin', async () => {
    const option = fc.constantFrom('httpHostHeader', 'originServerName', 'proxyAddress', 'connectTimeout', 'proxyType');
    await fc.assert(fc.asyncProperty(option, text, async (name, value) => {
      const rules = await validate({ hostname: 'a.example.com', destination: 'http://localhost', originRequest: { [name]: value } });
      if (rules !== undefined) expect((await render(rules))?.originRequest).toEqual({ [name]: value });
    }), runs);
  });

  test('as a host to lead to, and as a name to publish', async () => {
    await fc.assert(fc.asyncProperty(text, fc.constantFrom('http', 'https', 'ws', 'tcp', 'ssh'), async (host, scheme) => {
      const rules = await validate({ hostname: 'a.example.com', destination: `${scheme}://${host}:80` });
      if (rules !== undefined) expect((await render(rules))?.service).toMatch(/^[a-z]+:\/\/[a-z0-9._:[\]-]+$/);
      const named = await validate({ hostname: `${host}.example.com`, destination: 'http://localhost' });
      if (named !== undefined) expect((await render(named))?.hostname).toMatch(/^(?:\*\.)?[a-z0-9._-]+\.example\.com$/);
    }), runs);
  });

  test.each(['\ufffe', '\uffff', '\ud800', '\udc00'])('with %j, which cloudflared cannot read, is refused', async (character) => {
    for (const rule of [{ destination: `unix:/run/${character}x` }, { destination: 'https://localhost', originRequest: { caPool: `/${character}` } }, { destination: 'http://localhost', path: `/${character}` }]) {
      expect(await validate({ hostname: 'a.example.com', ...rule })).toBeUndefined();
    }
  });
});
