import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { rootCertificates } from 'node:tls';
import { expect, test } from 'vitest';
import { ensureCaBundle, findCaBundle } from '../../../src/host/ca-bundle.js';
import { readTrustedRoots } from '../../../src/host/certificates.js';
import { tempDirectory } from '../../fixtures/temp-directory.js';

test("the environment's goes before the system's", () => {
  const directory = tempDirectory();
  const bundle = join(directory, 'bundle.crt');
  writeFileSync(bundle, 'x');
  expect(findCaBundle({ env: { ssl_cert_file: '/mine.pem' }, bundles: [bundle] })).toEqual({ source: 'environment', path: '/mine.pem', environment: {} });
  expect(findCaBundle({ env: { SSL_CERT_FILE: '' }, bundles: [join(directory, 'missing'), bundle] })).toEqual({ source: 'system', path: bundle, environment: {} });
});

test('an empty bundle and an empty directory are none; a directory that holds something will do', () => {
  const directory = tempDirectory();
  writeFileSync(join(directory, 'empty.crt'), '');
  mkdirSync(join(directory, 'certs'));
  const search = { env: {}, bundles: [join(directory, 'empty.crt')], directories: [join(directory, 'missing'), join(directory, 'certs')] };
  expect(findCaBundle(search)).toBeUndefined();
  writeFileSync(join(directory, 'certs/a.pem'), '');
  expect(findCaBundle(search)).toMatchObject({ source: 'system', path: join(directory, 'certs') });
});

test("where there is none, Node's own roots are written and named to the children, once", async () => {
  const own = join(tempDirectory(), 'ca-bundle.pem');
  const search = { env: {}, bundles: [], directories: [] };
  expect(await ensureCaBundle(search, own)).toEqual({ source: 'node', path: own, environment: { SSL_CERT_FILE: own } });
  expect(readFileSync(own, 'utf8').match(/BEGIN CERTIFICATE/g)).toHaveLength(rootCertificates.length);
  const before = statSync(own).ino;
  await ensureCaBundle(search, own);
  expect(statSync(own).ino).toBe(before);
});

test('what our own requests trust', async () => {
  const directory = tempDirectory();
  const [one = '', two = '', three = ''] = rootCertificates;
  writeFileSync(join(directory, 'file.pem'), `# comment\n${one}\n`);
  mkdirSync(join(directory, 'certs'));
  writeFileSync(join(directory, 'certs/two.pem'), `${two}\n`);
  writeFileSync(join(directory, 'certs/same.pem'), `${two}\n`);
  writeFileSync(join(directory, 'certs/readme'), 'nothing');
  writeFileSync(join(directory, 'ca.pem'), three);

  expect(await readTrustedRoots({})).toBeUndefined();
  expect(await readTrustedRoots({ SSL_CERT_FILE: join(directory, 'file.pem'), SSL_CERT_DIR: `/missing:${join(directory, 'certs')}` })).toEqual([one, two]);
  expect(await readTrustedRoots({}, [join(directory, 'ca.pem')])).toEqual([...rootCertificates, three]);
  await expect(readTrustedRoots({ SSL_CERT_FILE: join(directory, 'missing') })).rejects.toMatchObject({ code: 'OPTION_INVALID', message: expect.stringContaining('SSL_CERT_FILE') as string });
  await expect(readTrustedRoots({}, [join(directory, 'certs/readme')])).rejects.toMatchObject({ code: 'OPTION_INVALID', message: expect.stringContaining('holds no certificate') as string });
});
