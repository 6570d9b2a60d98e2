import { z } from 'zod';
import type { Emit } from '../core/events.js';
import type { TunnelIdentity } from '../core/tunnel.js';
import { createDocument, type Document } from './document.js';

const schema = z.looseObject({
  id: z.uuid(),
  name: z.string(),
  accountId: z.string(),
  zoneId: z.string(),
  domain: z.string(),
  madeByUs: z.boolean(),
  joined: z.boolean(),
});

/** `tunnel.json`: the tunnel that we run, or one that is staged. */
export function createTunnelDocument(path: string, emit: Emit): Document<TunnelIdentity> {
  return createDocument<TunnelIdentity>({ path, schema, version: 1, emit });
}
