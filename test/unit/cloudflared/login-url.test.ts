import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createLoginOutput, isAuthorisation } from '../../../src/cloudflared/login-url.js';

const URL = 'https://dash.cloudflare.com/argotunnel?aud=&callback=https%3A%2F%2Flogin.cloudflareaccess.org%2FLMrf5MNa_730DCVMY-LHjcqP07SaO8n9Z4hS5Zi2YSc%3D';
const WITHOUT_BROWSER = `Please open the following URL and log in with your Cloudflare account:\n\n${URL}\n\nLeave cloudflared running to download the cert automatically.\n`;
const WITH_BROWSER = `A browser window should have opened at the following URL:\n\n${URL}\n\nIf the browser failed to open, please visit the URL above directly in your browser.\n`;
const ON_TERMINAL = `\u001B[90m2026-11-24T07:28:06Z\u001B[0m \u001B[32mINF\u001B[0m hello\r\n${WITHOUT_BROWSER.replaceAll('\n', '\r\n').replace(URL, `\u001B[4m${URL}\u001B[0m`)}`;

const readInPieces = (text: string, cuts: readonly number[]): readonly string[] => {
  const output = createLoginOutput();
  const places = [...new Set([0, ...cuts.map((cut) => cut % (text.length + 1)), text.length])].sort((a, b) => a - b);
  return places.flatMap((place, index) => output.add(text.slice(place, places[index + 1] ?? text.length)) ?? []);
};

describe('the login URL', () => {
  test.each([['without a browser', WITHOUT_BROWSER], ['with a browser', WITH_BROWSER], ['on a terminal', ON_TERMINAL]])('is found once and whole, however it is cut: %s', (_, text) => {
    fc.assert(fc.property(fc.array(fc.nat(), { maxLength: 30 }), (cuts) => {
      expect(readInPieces(text, cuts)).toEqual([URL]);
    }));
  });

  test('is not handed out before its end was seen', () => {
    const output = createLoginOutput();
    expect(output.add(URL)).toBeUndefined();
    expect(output.add('\n')).toBe(URL);
  });

  test.each([
    'https://dash.cloudflare.com/argotunnel',
    'https://dash.cloudflare.com/other?callback=https%3A%2F%2Flogin.cloudflareaccess.org%2Fx',
    'http://dash.cloudflare.com/argotunnel?callback=https%3A%2F%2Flogin.cloudflareaccess.org%2Fx',
    'https://dash.cloudflare.com.evil.example/argotunnel?callback=https%3A%2F%2Flogin.cloudflareaccess.org%2Fx',
    'https://dash.cloudflare.com/argotunnel?callback=https%3A%2F%2Fevil.example%2Fx',
    'https://dash.cloudflare.com/argotunnel?callback=nonsense',
    'https://user@dash.cloudflare.com/argotunnel?callback=https%3A%2F%2Flogin.cloudflareaccess.org%2Fx',
    'https://developers.cloudflare.com/cloudflare-one/',
    'not a url',
  ])('%s is not one', (text) => {
    expect(isAuthorisation(text)).toBe(false);
    expect(createLoginOutput().add(`see ${text} \n`)).toBeUndefined();
  });

  test('of FedRAMP is one; one inside another URL is not', () => {
    const fed = URL.replace('dash.', 'dash.fed.').replace('login.cloudflareaccess', 'login.fed.cloudflareaccess');
    expect(createLoginOutput().add(`${fed}\n`)).toBe(fed);
    expect(createLoginOutput().add(`https://evil.example/?next=${URL}\n`)).toBeUndefined();
  });

  test('never takes anything else for it', () => {
    fc.assert(fc.property(fc.string(), (text) => {
      const found = createLoginOutput().add(`${text}\n`);
      expect(found === undefined || isAuthorisation(found)).toBe(true);
    }));
  });

  test('the last line is for people', () => {
    const output = createLoginOutput();
    output.add('\u001B[31mone\r\ntwo \u001B[0m\r\n\r\n');
    expect(output.lastLine()).toBe('two');
  });
});
