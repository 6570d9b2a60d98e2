import { once } from 'node:events';
import { connect, createServer, type TLSSocket } from 'node:tls';

import { beforeAll, describe, expect, test } from 'vitest';

import { createCertificateAuthority, type CertificateAuthority, type IssuedCertificate } from '../../../src/sandbox/certificates.js';

let authority: CertificateAuthority;
beforeAll(async () => {
  authority = await createCertificateAuthority();
});

/** Serves one TLS connection with the certificate and says what a client that trusts `ca` makes of it. */
async function handshake(certificate: IssuedCertificate, servername: string, ca: string): Promise<string> {
  const server = createServer(certificate, (socket) => socket.end());
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  const socket: TLSSocket = connect({ port: address.port, host: '127.0.0.1', servername, ca });
  try {
    return await new Promise<string>((resolve) => {
      socket.once('secureConnect', () => resolve('trusted'));
      socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    });
  } finally {
    socket.destroy();
    server.close();
  }
}

describe('certificate authority', () => {
  test('issues server certificates that its PEM verifies, for each of the names', async () => {
    const certificate = await authority.issue({ names: ['h2.cftunnel.com', '*.example.com'], ips: ['127.0.0.1'] });
    expect(await handshake(certificate, 'h2.cftunnel.com', authority.pem)).toBe('trusted');
    expect(await handshake(certificate, 'app.example.com', authority.pem)).toBe('trusted');
    expect(await handshake(certificate, 'other.test', authority.pem)).toBe('ERR_TLS_CERT_ALTNAME_INVALID');
  });

  test('is not trusted by who trusts another authority of the same name', async () => {
    const other = await createCertificateAuthority();
    const certificate = await authority.issue({ names: ['h2.cftunnel.com'] });
    expect(await handshake(certificate, 'h2.cftunnel.com', other.pem)).not.toBe('trusted');
  });

  test('issues nothing without a name or an address', async () => {
    await expect(authority.issue({})).rejects.toThrow(TypeError);
  });
});
