import { z } from 'zod';
import type { Emit } from '../core/events.js';
import type { TunnelIdentity } from '../core/tunnel.js';
import { createDocument, type Document } from './document.js';

export const tunnelIdentitySchema = z.looseObject({
  id: z.uuid(),
  name: z.string(),
  accountId: z.string(),
  zoneId: z.string(),
  domain: z.string(),
  madeByUs: z.boolean(),
  joined: z.boolean(),
});

/** `tunnel.json`: the tunnel that we run. */
export function createTunnelDocument(path: string, emit: Emit): Document<TunnelIdentity> {
  return createDocument<TunnelIdentity>({ path, schema: tunnelIdentitySchema, version: 1, emit });
}
