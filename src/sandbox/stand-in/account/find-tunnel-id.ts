import type { Context } from '../command-line/context.js';
import { Failure, messageOf } from '../failure.js';
import type { Logger } from '../log/logger.js';
import { ApiClient } from './api-client.js';
import { readOriginCert } from './origin-cert.js';
import { parseUuid, readCredentialsFile } from './tunnel-credentials.js';

/** A UUID is one; a name is that of the credentials file, whatever it says, else one of the account's. */
export async function findTunnelId(reference: string, context: Context, log: Logger): Promise<string> {
  const id = parseUuid(reference);
  if (id !== undefined) return id;
  try {
    const { tunnelId } = readCredentialsFile(context.text('credentials-file'));
    if (tunnelId !== '') return tunnelId;
  } catch (error) {
    // No usable file: the account knows its tunnels.
    log.debug(messageOf(error));
  }
  const tunnel = await new ApiClient(context, readOriginCert(context.text('origincert'), log)).findTunnel(reference);
  if (tunnel === undefined) throw new Failure(`${reference} is neither the ID nor the name of any of your tunnels`);
  return tunnel.id;
}
