import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { RequestListener } from 'node:http';
import { describe, expect, onTestFinished, test } from 'vitest';
import { installBinary } from '../../../src/releases/install.js';
import { releasePlatform } from '../../../src/releases/platform.js';
import { createCertificateAuthority } from '../../../src/sandbox/certificates.js';
import { startProxy } from '../../../src/sandbox/login/proxy.js';
import { createInstalling, type Installing } from '../../fixtures/releases/installing.js';
import { ASSET, programSaying, redirectTo, sha256, startReleaseServer, status, type Reply } from '../../fixtures/releases/release-server.js';
import { tempDirectory } from '../../fixtures/temp-directory.js';

const VERSION = '2026.8.2';
const PROGRAM = programSaying(VERSION);
const { os, arch } = releasePlatform();

const UPDATE = `/?os=${os}&arch=${arch}`;
const GITHUB_FILE = `https://github.com/cloudflare/cloudflared/releases/download/${VERSION}/${ASSET}`;

/** What Cloudflare's update service says, of a release that it knows. */
const update = (more: object = {}): string => JSON.stringify({ url: GITHUB_FILE, version: VERSION, checksum: sha256(PROGRAM), compressed: false, userMessage: '', shouldUpdate: true, error: '', ...more });

/** What GitHub says of a release; the text of a release is not gone by. */
const github = (asset: object = {}): string => JSON.stringify({
  tag_name: VERSION, body: `SHA256 Checksums:\n${ASSET}: ${'f'.repeat(64)}`,
  assets: [{ name: `${ASSET}.deb`, browser_download_url: 'https://github.com/other', digest: `sha256:${'e'.repeat(64)}` }, { name: ASSET, browser_download_url: GITHUB_FILE, digest: `sha256:${sha256(PROGRAM)}`, ...asset }],
});

/** The real names, behind a proxy that leads to loopback; certificates are of an authority that the environment names. */
async function publishAs(replies: Readonly<Record<string, Reply>>): Promise<{ readonly installing: Installing; readonly asked: readonly string[] }> {
  const server = await startReleaseServer();
  const asked: string[] = [];
  const at = (host: string): RequestListener => (request, response) => {
    asked.push(`${host}${request.url ?? ''}`);
    server.replies.clear();
    const reply = replies[`${host}${request.url ?? ''}`];
    if (reply !== undefined) server.replies.set(request.url ?? '', reply);
    server.listener(request, response);
  };
  const hosts = new Map(['update.argotunnel.com', 'api.github.com', 'github.com', 'release-assets.githubusercontent.com'].map((host) => [host, at(host)]));
  const authority = await createCertificateAuthority();
  const proxy = await startProxy({ certificate: await authority.issue({ names: [...hosts.keys()] }), hosts, host: '127.0.0.1', port: 0 });
  onTestFinished(() => proxy.close());
  const caFile = join(tempDirectory(), 'ca.pem');
  writeFileSync(caFile, authority.pem);
  return { asked, installing: createInstalling({ env: { PATH: process.env['PATH'], HTTPS_PROXY: `http://${proxy.address}`, SSL_CERT_FILE: caFile } }) };
}

const DOWNLOADS = {
  [`github.com/cloudflare/cloudflared/releases/download/${VERSION}/${ASSET}`]: redirectTo('https://release-assets.githubusercontent.com/1/2?sig=secret'),
  'release-assets.githubusercontent.com/1/2?sig=secret': PROGRAM,
};

describe("Cloudflare's releases", () => {
  test('lie at GitHub, and the update service says what they should be', async () => {
    const { installing, asked } = await publishAs({ [`update.argotunnel.com${UPDATE}`]: update(), ...DOWNLOADS });
    const report = await installBinary({}, installing);
    expect(report).toMatchObject({ outcome: 'installed', version: VERSION, checksumFrom: 'update.argotunnel.com', source: GITHUB_FILE });
    expect(asked).toEqual([`update.argotunnel.com${UPDATE}`, ...Object.keys(DOWNLOADS)]);
  });

  test('of one version', async () => {
    const { installing } = await publishAs({ [`update.argotunnel.com${UPDATE}&version=${VERSION}`]: update(), ...DOWNLOADS });
    expect(await installBinary({ version: VERSION }, installing)).toMatchObject({ outcome: 'installed', version: VERSION });
  });

  test.each([
    ['does not answer', status(502)],
    ['refuses', status(403, '<html>')],
    ['answers with a web page', '<html>'],
    ['answers with something else', '{"url":1}'],
    ['does not know this system', update({ url: '', version: '', checksum: '' })],
    ['has an error', update({ error: 'no release found' })],
    ['has no sum', update({ checksum: '' })],
    ['leads to a server that anybody could be', update({ url: 'http://github.com/x' })],
  ] as const)('where the update service %s, by what GitHub computed at the upload', async (_name, reply) => {
    const { installing } = await publishAs({ [`update.argotunnel.com${UPDATE}`]: reply, 'api.github.com/repos/cloudflare/cloudflared/releases/latest': github(), ...DOWNLOADS });
    expect(await installBinary({}, installing)).toMatchObject({ outcome: 'installed', checksumFrom: 'api.github.com' });
  });

  test('of another version than asked are not taken', async () => {
    const { installing } = await publishAs({
      [`update.argotunnel.com${UPDATE}&version=${VERSION}`]: update({ version: '2026.9.0' }),
      [`api.github.com/repos/cloudflare/cloudflared/releases/tags/${VERSION}`]: github(), ...DOWNLOADS,
    });
    expect(await installBinary({ version: VERSION }, installing)).toMatchObject({ version: VERSION, checksumFrom: 'api.github.com' });
  });

  test('that GitHub computed nothing for are not installed, whatever the text of the release says', async () => {
    const { installing, asked } = await publishAs({ 'api.github.com/repos/cloudflare/cloudflared/releases/latest': github({ digest: null }) });
    await expect(installBinary({}, installing)).rejects.toMatchObject({ code: 'CHECKSUM_MISSING' });
    expect(asked.filter((path) => path.startsWith('github.com'))).toEqual([]);
  });

  test('that do not exist are told from those that cannot be asked for', async () => {
    const unknown = await publishAs({});
    await expect(installBinary({ version: '2026.7.99' }, unknown.installing)).rejects.toMatchObject({ code: 'RELEASE_UNKNOWN' });
    const throttled = await publishAs({ [`update.argotunnel.com${UPDATE}`]: status(503), 'api.github.com/repos/cloudflare/cloudflared/releases/latest': status(403, '{"message":"API rate limit exceeded"}') });
    await expect(installBinary({}, throttled.installing)).rejects.toMatchObject({ code: 'RELEASE_REFUSED', message: expect.stringMatching(/api\.github\.com.*update\.argotunnel\.com.*503/) as string });
    const withoutFile = await publishAs({ 'api.github.com/repos/cloudflare/cloudflared/releases/latest': JSON.stringify({ tag_name: VERSION, assets: [] }) });
    await expect(installBinary({}, withoutFile.installing)).rejects.toMatchObject({ code: 'RELEASE_UNKNOWN' });
  });

  test('are never followed to where anybody could read along', async () => {
    const { installing } = await publishAs({ [`update.argotunnel.com${UPDATE}`]: update(), [`github.com/cloudflare/cloudflared/releases/download/${VERSION}/${ASSET}`]: redirectTo('http://github.com/x') });
    await expect(installBinary({}, installing)).rejects.toMatchObject({ code: 'RELEASE_UNEXPECTED' });
  });

  test('are not to be had where the proxy refuses, or its certificate is not trusted', async () => {
    const { installing } = await publishAs({ [`update.argotunnel.com${UPDATE}`]: update({ url: 'https://elsewhere.example/x' }) });
    await expect(installBinary({}, installing)).rejects.toMatchObject({ code: 'RELEASE_UNREACHABLE', message: expect.stringContaining('elsewhere.example') as string });
    const { env } = (await publishAs({})).installing;
    const trusting = createInstalling({ env: { HTTPS_PROXY: env['HTTPS_PROXY'] } });
    await expect(installBinary({}, trusting)).rejects.toMatchObject({ code: 'RELEASE_UNREACHABLE' });
  });
});
