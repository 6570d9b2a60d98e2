import { readFileSync } from 'node:fs';

import { findTunnelId } from '../account/find-tunnel-id.js';
import { findCredentials, InvalidCredentials, parseToken, type Credentials } from '../account/tunnel-credentials.js';
import type { Context } from '../command-line/context.js';
import type { Config } from '../config/config.js';
import { goPathError } from '../config/load-config.js';
import { Failure, messageOf, UsageFailure } from '../failure.js';
import type { Logger } from '../log/logger.js';

function findToken(context: Context): string {
  const token = context.text('token');
  const file = context.text('token-file');
  if (token !== '' || file === '') return token;
  try {
    return readFileSync(file, 'utf8').trim();
  } catch (error) {
    throw new UsageFailure(`Failed to read token file: ${goPathError('open', file, error)}`);
  }
}

/** A token says all; else the argument, else the configuration file names the tunnel, and credentials are looked for. */
export async function chooseTunnel(context: Context, config: Config, log: Logger): Promise<Credentials> {
  if (context.args.length > 1) throw new UsageFailure('"cloudflared tunnel run" accepts only one argument, the ID or name of the tunnel to run.');
  const token = findToken(context);
  if (token !== '') {
    const credentials = parseToken(token);
    if (credentials === undefined) throw new UsageFailure('Provided Tunnel token is not valid.');
    return credentials;
  }
  const argument = context.args[0] ?? '';
  const reference = argument === '' ? config.tunnel : argument;
  if (reference === '') {
    throw new UsageFailure('"cloudflared tunnel run" requires the ID or name of the tunnel to run as the last command line argument or in the configuration file.');
  }
  let tunnelId: string;
  try {
    tunnelId = await findTunnelId(reference, context, log);
  } catch (error) {
    throw new Failure(`error parsing tunnel ID: ${messageOf(error)}`);
  }
  try {
    return findCredentials(tunnelId, context, log);
  } catch (error) {
    if (error instanceof InvalidCredentials) {
      log.error(
        `The credentials file at ${error.path} contained invalid JSON. This is probably caused by passing the wrong filepath. ` +
          'Reminder: the credentials file is a .json file created via `cloudflared tunnel create`.',
      );
      log.error(`Invalid JSON when parsing credentials file: ${error.reason}`);
    }
    throw error;
  }
}
