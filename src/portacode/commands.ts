import { SupervisorError } from '../core/errors.js';
import { isInZone } from '../core/hostname.js';
import type { Expose, ExposeAnswer } from './expose.js';
import { containerRulesSet, forwardingConfigured, forwardingIpReconciled, portsExposed, setupCancelled, type PortacodeEvent } from './events.js';
import { invalidField, NAME_MISSING, notConfigured } from './failures.js';
import type { JsonObject } from './json.js';
import { parseChildDeviceId, parseContainerRules, parseExposedPorts, type PortSpec } from './parse-ports.js';
import { completeRules, parseAskedRules } from './parse-rules.js';
import type { ChangeAnswer, ChangeWish, PortacodePorts, StoredRules } from './ports.js';
import { integerOf, textOf } from './python-text.js';
import { setupTunnel, type Asker, type SetupTunnelParts } from './setup-tunnel.js';

export interface CommandParts extends SetupTunnelParts {
  readonly ports: PortacodePorts;
  readonly expose: Expose;
}

/** What a command comes to; what it says on the way goes to the asker. Rejects with why it failed. */
export type Command = (message: JsonObject, asker: Asker, parts: CommandParts) => Promise<PortacodeEvent>;

/** Portacode's commands by the name in `cmd`. What else is in a message is nothing to us. */
export const COMMANDS: ReadonlyMap<string, Command> = new Map<string, Command>([
  ['setup_cloudflare_tunnel', setupTunnel],
  ['cancel_cloudflare_tunnel_setup', async (_message, _asker, { ports }) => setupCancelled(await ports.setup.cancel())],
  ['configure_cloudflare_forwarding', configureForwarding],
  ['configure_proxmox_container_expose_ports', exposeContainerPorts],
  ['set_container_forwarding_rules', setContainerRules],
  ['reconcile_container_forwarding_ip', reconcileContainer],
]);

async function configureForwarding(message: JsonObject, _asker: Asker, { ports }: CommandParts): Promise<PortacodeEvent> {
  const domain = connectedDomain(ports);
  const deviceId = textOf(message['device_id']);
  if (deviceId === '') throw invalidField('device_id', 'device_id is required to configure forwarding rules');
  const given = message['rules'] ?? undefined;
  const answer = given === undefined ? await ports.forwarding.refresh(wishOf(message)) : await replaceRules(given, domain, wishOf(message), ports);
  return forwardingConfigured({ views: answer.rules, at: ports.forwarding.current().at, warnings: answer.warnings }, deviceId);
}

/**
 * All rules of the zone. Those outside it are not Portacode's to see, and so not in its lists: they stay, unless
 * everything is to go.
 */
async function replaceRules(given: unknown, domain: string, wish: ChangeWish, { forwarding }: PortacodePorts): Promise<ChangeAnswer> {
  const asked = parseAskedRules(given, domain, forwarding.current().stored.setAside);
  return forwarding.edit(
    (stored: StoredRules) => ({
      rules: completeRules(asked.filter(({ hostname }) => isInZone(hostname, domain)), stored.rules),
      setAside: asked.length === 0 ? [] : stored.setAside,
    }),
    wish,
  );
}

async function exposeContainerPorts(message: JsonObject, _asker: Asker, parts: CommandParts): Promise<PortacodeEvent> {
  const deviceId = parseChildDeviceId(message['child_device_id']);
  const specs = parseExposedPorts(message['expose_ports']);
  connectedDomain(parts.ports);
  return portsExposed(await expose(deviceId, specs, message, parts), parts.ports.forwarding.current());
}

async function setContainerRules(message: JsonObject, _asker: Asker, parts: CommandParts): Promise<PortacodeEvent> {
  connectedDomain(parts.ports);
  const { deviceId, specs } = parseContainerRules(containerOf(message), message['rules'] ?? message['container_rules']);
  return containerRulesSet(await expose(deviceId, specs, message, parts), parts.ports.forwarding.current());
}

const expose = (deviceId: string, specs: readonly PortSpec[], message: JsonObject, { expose }: CommandParts): Promise<ExposeAnswer> => expose({ deviceId, specs, ...wishOf(message) });

const MOST_ATTEMPTS = 60;
const LONGEST_PAUSE_MS = 60_000;

async function reconcileContainer(message: JsonObject, _asker: Asker, { ports }: CommandParts): Promise<PortacodeEvent> {
  const deviceId = textOf(containerOf(message));
  if (deviceId === '') return forwardingIpReconciled('', false);
  connectedDomain(ports);
  const attempts = Math.min(MOST_ATTEMPTS, Math.max(1, integerOf(message['lease_attempts']) ?? 1));
  const pause = message['lease_retry_seconds'];
  const pauseMs = typeof pause === 'number' ? Math.min(LONGEST_PAUSE_MS, Math.max(0, pause * 1000)) : 1_000;
  return forwardingIpReconciled(deviceId, await ports.devices.reconcile(deviceId, attempts, pauseMs));
}

const containerOf = (message: JsonObject): unknown => message['container_device_id'] ?? message['device_id'] ?? message['child_device_id'];

/** Taking over DNS records that are not ours is done when it is asked for, and else not. */
const wishOf = (message: JsonObject): ChangeWish => (message['takeover'] === true ? { takeover: true } : {});

/** What Portacode asks before all else. @throws SupervisorError SETUP_REQUIRED with one of its two phrases */
function connectedDomain({ tunnel }: Pick<PortacodePorts, 'tunnel'>): string {
  const identity = tunnel();
  if (identity === undefined) throw notConfigured();
  if (identity.domain === '' || identity.name === '') throw new SupervisorError('SETUP_REQUIRED', NAME_MISSING);
  return identity.domain;
}
