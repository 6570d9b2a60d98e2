import { webcrypto } from 'node:crypto';

import type * as X509 from '@peculiar/x509';

import { installReflectMetadata } from './reflect-metadata.js';

/** PEM of both, as `tls.createServer` takes them. The chain ends in the authority's own certificate. */
export interface IssuedCertificate {
  readonly key: string;
  readonly cert: string;
}

/** The certificate authority of one sandbox: made at start, kept in memory, trusted by whoever is given its PEM. */
export interface CertificateAuthority {
  /** The certificate that clients are told to trust (`SSL_CERT_FILE`, `--cacert`). */
  readonly pem: string;
  /** A server certificate for these DNS names and IP addresses; at least one of them. */
  issue(subject: { readonly names?: readonly string[]; readonly ips?: readonly string[] }): Promise<IssuedCertificate>;
}

const KEY_ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256' } as const;
const SIGNING_ALGORITHM = { name: 'ECDSA', hash: 'SHA-256' } as const;
const DAY_MS = 24 * 60 * 60 * 1000;

/** Valid since yesterday: a container's clock may be behind ours. A sandbox does not live for a month. */
const validity = (): { notBefore: Date; notAfter: Date } => ({
  notBefore: new Date(Date.now() - DAY_MS),
  notAfter: new Date(Date.now() + 30 * DAY_MS),
});

async function loadLibrary(): Promise<typeof X509> {
  installReflectMetadata();
  return import('@peculiar/x509');
}

async function privateKeyPem(key: webcrypto.CryptoKey): Promise<string> {
  const base64 = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', key)).toString('base64');
  return `-----BEGIN PRIVATE KEY-----\n${(base64.match(/.{1,64}/gu) ?? []).join('\n')}\n-----END PRIVATE KEY-----\n`;
}

const generateKeys = async (): Promise<webcrypto.CryptoKeyPair> => webcrypto.subtle.generateKey(KEY_ALGORITHM, true, ['sign', 'verify']);

/** Loads the certificate library (about 0.1 s and 20 MB), which nothing outside the sandbox needs. */
export async function createCertificateAuthority(commonName = 'cloudflared-supervisor sandbox'): Promise<CertificateAuthority> {
  const x509 = await loadLibrary();
  const keys = await generateKeys();
  const authority = await x509.X509CertificateGenerator.createSelfSigned({
    name: [{ CN: [commonName] }],
    ...validity(),
    keys,
    signingAlgorithm: SIGNING_ALGORITHM,
    extensions: [
      new x509.BasicConstraintsExtension(true, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  const pem = `${authority.toString('pem')}\n`;

  return {
    pem,
    issue: async ({ names = [], ips = [] }) => {
      const subject = names[0] ?? ips[0];
      if (subject === undefined) throw new TypeError('A certificate needs a name or an address.');
      const leafKeys = await generateKeys();
      const leaf = await x509.X509CertificateGenerator.create({
        subject: [{ CN: [subject] }],
        issuer: authority.subject,
        ...validity(),
        publicKey: leafKeys.publicKey,
        signingKey: keys.privateKey,
        signingAlgorithm: SIGNING_ALGORITHM,
        extensions: [
          new x509.BasicConstraintsExtension(false, undefined, true),
          new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
          new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
          new x509.SubjectAlternativeNameExtension([
            ...names.map((value) => ({ type: 'dns' as const, value })),
            ...ips.map((value) => ({ type: 'ip' as const, value })),
          ]),
          await x509.AuthorityKeyIdentifierExtension.create(authority.publicKey),
        ],
      });
      return { key: await privateKeyPem(leafKeys.privateKey), cert: `${leaf.toString('pem')}\n${pem}` };
    },
  };
}
