import { z } from 'zod';
import type { Emit } from '../core/events.js';
import { Secret } from '../core/secret.js';
import type { TunnelCredentials, TunnelIdentity } from '../core/tunnel.js';
import type { TunnelArtifacts } from '../forwarding/ports.js';
import { removeDurably, writeFileAtomic } from '../host/atomic-file.js';
import type { BasePaths } from '../host/base-paths.js';
import type { TunnelStaging } from '../setup/ports.js';
import { credentialsContent, credentialsSchema, readCredentials, writeCredentials } from './credentials-file.js';
import { createDocument, type Document } from './document.js';
import { readSecret } from './read-secret.js';
import { createTunnelDocument, tunnelIdentitySchema } from './tunnel-document.js';

/** What stood where the staged ones were put; null where nothing did. */
interface Kept {
  readonly certificate: Secret | null;
  readonly identity: TunnelIdentity | null;
  /** Of the staged tunnel: another tunnel's credentials lie in a file of their own and are not touched. */
  readonly credentials: { readonly tunnelId: string; readonly content: TunnelCredentials | null } | null;
}

const keptSchema = z.object({
  certificate: z.string().transform((pem) => new Secret(pem)).nullable(),
  identity: tunnelIdentitySchema.nullable(),
  credentials: z.object({ tunnelId: z.string(), content: credentialsSchema.nullable() }).nullable(),
});

/**
 * `cert.pem`, `<tunnel id>.json` and `tunnel.json`, replaced by the staged ones as one step of a change. What they
 * replace is written down first, in one file beside the journal: it is there whole, or nothing was touched yet.
 */
export function createTunnelArtifacts(paths: BasePaths, staging: TunnelStaging, emit: Emit): TunnelArtifacts {
  const tunnel = createTunnelDocument(paths.tunnelDocument, emit);

  const collect = async (stagedId: string | undefined): Promise<Kept> => ({
    certificate: (await readSecret(paths.certPem)) ?? null,
    identity: (await tunnel.read()) ?? null,
    credentials: stagedId === undefined ? null : { tunnelId: stagedId, content: (await readCredentials(paths.credentials(stagedId))) ?? null },
  });

  return {
    install: async (change) => {
      const staged = await staging.readTunnel();
      const certificate = await staging.readCertificate();
      const kept = keptDocument(paths, change, emit);
      // Done again after a kill, what stands there may be the staged ones already: the first record counts.
      if ((await kept.read()) === undefined) await kept.write(await collect(staged?.identity.id));
      if (certificate !== undefined) await writeFileAtomic(paths.certPem, certificate.reveal());
      if (staged === undefined) return;
      await writeCredentials(paths.credentials(staged.identity.id), staged.credentials);
      await tunnel.write(staged.identity);
    },
    restore: async (change) => {
      const document = keptDocument(paths, change, emit);
      const kept = await document.read();
      if (kept === undefined) return;
      await (kept.identity === null ? tunnel.remove() : tunnel.write(kept.identity));
      await (kept.certificate === null ? removeDurably(paths.certPem) : writeFileAtomic(paths.certPem, kept.certificate.reveal()));
      if (kept.credentials !== null) {
        const path = paths.credentials(kept.credentials.tunnelId);
        await (kept.credentials.content === null ? removeDurably(path) : writeCredentials(path, kept.credentials.content));
      }
      await document.remove();
    },
    forget: async (change) => keptDocument(paths, change, emit).remove(),
  };
}

function keptDocument(paths: BasePaths, change: string, emit: Emit): Document<Kept> {
  return createDocument<Kept>({
    path: paths.kept(change),
    schema: keptSchema,
    version: 1,
    emit,
    encode: ({ certificate, identity, credentials }) => ({
      certificate: certificate?.reveal() ?? null,
      identity,
      credentials: credentials === null ? null : { tunnelId: credentials.tunnelId, content: credentials.content === null ? null : credentialsContent(credentials.content) },
    }),
  });
}
