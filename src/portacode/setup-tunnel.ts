import { tunnelNameOf } from './device-tunnel-name.js';
import { tunnelConfigured, tunnelLogin, type PortacodeEvent } from './events.js';
import { invalidField } from './failures.js';
import type { JsonObject } from './json.js';
import type { PortacodePorts } from './ports.js';
import { integerOf, isFalsy, textOf } from './python-text.js';
import type { SetupAskers } from './setup-askers.js';

/** Who sent a command, and hears what comes of it. */
export interface Asker {
  readonly send: (event: PortacodeEvent) => void;
  readonly isThere: () => boolean;
  /** What it comes to, where the answer does not wait for it. */
  readonly comesLater: (outcome: Promise<PortacodeEvent>) => void;
  readonly requestId: unknown;
}

export interface LoginUrl {
  readonly url: string;
  readonly expiresAt: string | null;
}

export interface SetupTunnelParts {
  readonly ports: Pick<PortacodePorts, 'setup' | 'tunnelFile'>;
  readonly askers: SetupAskers;
  /** Called with each login URL that is issued, until the returned function is called. */
  readonly onLogin: (listener: (login: LoginUrl) => void) => () => void;
}

const DEFAULT_TIMEOUT_S = 600;
const LONGEST_TIMEOUT_S = 86_400;

/**
 * Connects a domain. The login URL comes first, and again where it is issued again; then that the tunnel is there. With
 * `async` the first of these is the answer, and the rest is for who follows.
 */
export async function setupTunnel(message: JsonObject, asker: Asker, { ports, askers, onLogin }: SetupTunnelParts): Promise<PortacodeEvent> {
  const deviceId = textOf(message['device_id']);
  if (deviceId === '') throw invalidField('device_id', 'device_id is required to configure a tunnel');
  const timeoutMs = readTimeout(message['timeout']) * 1000;
  const isAsync = message['async'] === true;

  const { promise: firstLogin, resolve: answerLogin } = createDeferred();
  const tell = (login: LoginUrl): void => (isAsync ? answerLogin(tunnelLogin(login)) : asker.send(tunnelLogin(login)));

  const leave = askers.add(asker);
  const stopListening = onLogin(tell);
  let outlives = false;
  try {
    const { joined, outcome } = await ports.setup.start({
      name: tunnelNameOf(deviceId),
      timeoutMs,
      ...(message['takeover'] === true ? { takeover: true } : {}),
      ...(message['join'] === true ? { join: true } : {}),
    });
    const { loginUrl, expiresAt } = ports.setup.status();
    if (joined && loginUrl !== null) tell({ url: loginUrl, expiresAt });
    const configured = outcome.then(async ({ domain, warnings }) => tunnelConfigured(domain, await ports.tunnelFile(), warnings));
    if (!isAsync) return await configured;
    // Told to who follows, and to who asks the same again.
    asker.comesLater(configured);
    const answer = await Promise.race([firstLogin, configured]);
    outlives = answer.event === 'cloudflare_tunnel_login';
    return answer;
  } finally {
    stopListening();
    await leave(outlives);
  }
}

function createDeferred(): { readonly promise: Promise<PortacodeEvent>; readonly resolve: (event: PortacodeEvent) => void } {
  let resolve: (event: PortacodeEvent) => void = () => undefined;
  const promise = new Promise<PortacodeEvent>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}

/** Seconds, as Portacode reads them. */
function readTimeout(value: unknown): number {
  if (isFalsy(value)) return DEFAULT_TIMEOUT_S;
  const seconds = typeof value === 'number' ? Math.trunc(value) : integerOf(value);
  if (seconds === undefined || seconds < 1) throw invalidField('timeout', 'timeout must be a number of seconds');
  return Math.min(seconds, LONGEST_TIMEOUT_S);
}
