import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { Emit } from '../core/events.js';
import { Secret } from '../core/secret.js';
import { removeTreeDurably, syncDirectory, toStorageError, writeFileAtomic } from '../host/atomic-file.js';
import type { BasePaths } from '../host/base-paths.js';
import type { Adoption, InstalledTunnel, StagedTunnel, TunnelIntent, TunnelStaging } from '../setup/ports.js';
import { credentialsContent, credentialsSchema } from './credentials-file.js';
import { createDocument } from './document.js';
import { readSecret } from './read-secret.js';
import { tunnelIdentitySchema } from './tunnel-document.js';

const secret = z.string().min(1).transform((value) => new Secret(value));

const intentSchema = z.object({ name: z.string(), accountId: z.string(), secret });
const stagedSchema = z.object({ identity: tunnelIdentitySchema, credentials: credentialsSchema });
const previousSchema = z.object({ identity: tunnelIdentitySchema, certificate: secret.optional(), credentials: credentialsSchema.optional() })
  .transform((value): InstalledTunnel => ({ identity: value.identity, certificate: value.certificate, credentials: value.credentials }));

const adoptionSchema = z.object({
  tunnelId: z.string().optional(),
  tunnelName: z.string().optional(),
  credentials: credentialsSchema.optional(),
  likelyDomain: z.string().optional(),
  rules: z.array(z.object({ hostname: z.string(), path: z.string().exactOptional(), destination: z.string(), originRequest: z.record(z.string(), z.unknown()).exactOptional() })),
  connectorIds: z.array(z.string()),
  otherConnectors: z.number(),
}).transform((value): Adoption => ({ ...value, tunnelId: value.tunnelId, tunnelName: value.tunnelName, credentials: value.credentials, likelyDomain: value.likelyDomain }));

/** `<base>/setup/staged`, 0700: what a setup has and nobody uses yet, secrets among it. There only while it is needed. */
export function createTunnelStaging(paths: BasePaths, emit: Emit): TunnelStaging {
  const at = (name: string): string => join(paths.stagedDir, name);
  const intents = createDocument<TunnelIntent>({ path: at('intent.json'), schema: intentSchema, version: 1, emit, encode: (intent) => ({ ...intent, secret: intent.secret.reveal() }) });
  const staged = createDocument<StagedTunnel>({ path: at('tunnel.json'), schema: stagedSchema, version: 1, emit, encode: ({ identity, credentials }) => ({ identity, credentials: credentialsContent(credentials) }) });
  const adoptions = createDocument<Adoption>({ path: at('adoption.json'), schema: adoptionSchema, version: 1, emit, encode: ({ credentials, ...rest }) => ({ ...rest, credentials: credentials === undefined ? undefined : credentialsContent(credentials) }) });
  const previous = createDocument<InstalledTunnel>({ path: at('previous.json'), schema: previousSchema, version: 1, emit, encode: encodeInstalled });

  const makeDirectory = async (): Promise<void> => {
    try {
      const created = await mkdir(paths.stagedDir, { recursive: true, mode: 0o700 });
      if (created !== undefined) await syncDirectory(paths.setupDir);
    } catch (error) {
      throw toStorageError(error, paths.stagedDir, 'create');
    }
  };
  const write = async (action: () => Promise<void>): Promise<void> => {
    await makeDirectory();
    await action();
  };

  return {
    readCertificate: async () => readSecret(paths.stagedCert),
    writeCertificate: async (pem) => write(async () => writeFileAtomic(paths.stagedCert, pem.reveal())),
    readAdoption: async () => adoptions.read(),
    writeAdoption: async (adoption) => write(async () => adoptions.write(adoption)),
    readIntent: async () => intents.read(),
    writeIntent: async (intent) => write(async () => intents.write(intent)),
    readTunnel: async () => staged.read(),
    writeTunnel: async (tunnel) => write(async () => staged.write(tunnel)),
    readPrevious: async () => previous.read(),
    writePrevious: async (installed) => write(async () => previous.write(installed)),
    clear: async () => removeTreeDurably(paths.stagedDir),
  };
}

function encodeInstalled({ identity, certificate, credentials }: InstalledTunnel): object {
  return { identity, certificate: certificate?.reveal(), credentials: credentials === undefined ? undefined : credentialsContent(credentials) };
}
