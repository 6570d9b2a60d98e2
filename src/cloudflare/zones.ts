import type { Sender } from './send.js';
import { isForbidden, isGone } from './cloudflare-error.js';
import { readAllPages } from './pages.js';

export interface ZoneSummary {
  readonly id: string;
  /** The domain, lower case. */
  readonly name: string;
}

export interface ZonesApi {
  /** Undefined where the token may not read it, or it is not there: the two are not to be told apart. */
  get(zoneId: string, signal: AbortSignal): Promise<ZoneSummary | undefined>;
  /** Those the token may list: none where it may not. */
  list(signal: AbortSignal): Promise<readonly ZoneSummary[]>;
}

export function createZonesApi(sender: Sender): ZonesApi {
  return {
    async get(zoneId, signal) {
      const doing = `Reading zone ${zoneId}`;
      try {
        const envelope = await sender.send({ method: 'GET', path: `/zones/${encodeURIComponent(zoneId)}`, doing }, signal);
        const { zoneSchema } = await import('./schemas.js');
        return await sender.read(zoneSchema, envelope.result, doing);
      } catch (thrown) {
        if (isForbidden(thrown) || isGone(thrown)) return undefined;
        throw thrown;
      }
    },
    async list(signal) {
      const { zoneSchema } = await import('./schemas.js');
      try {
        return await readAllPages(sender, { path: '/zones', query: {}, perPage: 50, schema: zoneSchema, doing: 'Listing zones' }, signal);
      } catch (thrown) {
        if (isForbidden(thrown)) return [];
        throw thrown;
      }
    },
  };
}
