import { SupervisorError } from '../core/errors.js';
import type { Secret } from '../core/secret.js';
import { logIn } from './log-in.js';
import { DEFAULT_LOGIN_TIMEOUT_MS } from './parameters.js';
import type { CloudflareAccount, SetupPorts } from './ports.js';
import type { SetupRun } from './setup-run.js';

/** Gets a certificate and stages it: brought by hand, left by a setup that was killed, or by a person's login. */
export async function authorise(ports: SetupPorts, run: SetupRun, signal: AbortSignal): Promise<CloudflareAccount> {
  if (run.recovered) return openLeft(ports);
  await ports.staging.clear();
  const { certificate } = run.parameters;
  const pem = certificate ?? (await askPerson(ports, run, signal));
  const account = certificate === undefined ? openLoggedIn(ports, pem) : ports.openAccount(pem);
  await ports.staging.writeCertificate(pem);
  return account;
}

/** The account of the certificate that is staged. */
export async function openStaged(ports: Pick<SetupPorts, 'staging' | 'openAccount'>): Promise<CloudflareAccount> {
  const pem = await ports.staging.readCertificate();
  if (pem === undefined) throw new SupervisorError('INTERNAL_FAULT', 'There is no staged certificate.');
  return ports.openAccount(pem);
}

/** Without a certificate a person would have to be asked again, and whoever asked is gone: the setup is undone. */
async function openLeft(ports: SetupPorts): Promise<CloudflareAccount> {
  const staged = await ports.staging.readCertificate();
  const pem = staged ?? (await ports.login.collect?.());
  if (pem === undefined) throw new SupervisorError('INTERRUPTED', 'The supervisor was ended while it waited for the login; start setup again.');
  const account = openLoggedIn(ports, pem);
  if (staged === undefined) await ports.staging.writeCertificate(pem);
  await ports.login.sweep();
  return account;
}

async function askPerson(ports: SetupPorts, run: SetupRun, signal: AbortSignal): Promise<Secret> {
  if (run.binary === undefined) throw new SupervisorError('INTERNAL_FAULT', 'There is no cloudflared to log in with.');
  return logIn(ports, { binary: run.binary, timeoutMs: run.parameters.timeoutMs ?? DEFAULT_LOGIN_TIMEOUT_MS, signal });
}

function openLoggedIn(ports: SetupPorts, pem: Secret): CloudflareAccount {
  try {
    return ports.openAccount(pem);
  } catch (thrown) {
    // Nobody brought this one: it is the login that failed.
    if (!(thrown instanceof SupervisorError) || thrown.code !== 'ORIGIN_CERT_INVALID') throw thrown;
    throw new SupervisorError('LOGIN_FAILED', `Cloudflare login did not complete. ${thrown.message}`, { cause: thrown });
  }
}
