import type { Warning } from '../core/dns.js';
import { toSupervisorError, type ErrorBody } from '../core/errors.js';
import type { RuleView } from '../core/status.js';
import type { ExposedPort } from './allocate-hostnames.js';
import { NAME_MISSING, NOT_CONFIGURED } from './failures.js';
import type { JsonObject } from './json.js';
import { pythonTimeOf } from './python-text.js';
import type { Published } from './ports.js';

/** What Portacode is told: its own events, with more in them than it looks for. */
export interface PortacodeEvent {
  readonly event: string;
  readonly [field: string]: unknown;
}

/** A rule in an answer; `resolved_ip` where its device has an address. */
export function showRule({ hostname, path, destination, status, resolvedIp, dns }: RuleView): JsonObject {
  return {
    hostname,
    destination,
    ...(resolvedIp === null ? {} : { resolved_ip: resolvedIp }),
    ...(path === null ? {} : { path }),
    status,
    dns,
  };
}

/** Those of the zone, and the others under a key of their own, as in the state file. */
function showRules(views: readonly RuleView[]): { readonly rules: readonly JsonObject[]; readonly outside_zone_rules?: readonly JsonObject[] } {
  const outside = views.filter(({ status }) => status === 'outside-zone').map(({ hostname, destination, path }) => ({ hostname, destination, ...(path === null ? {} : { path }) }));
  return { rules: views.filter(({ status }) => status !== 'outside-zone').map(showRule), ...(outside.length === 0 ? {} : { outside_zone_rules: outside }) };
}

const updatedAt = (at: string | undefined): string | null => (at === undefined ? null : pythonTimeOf(at));

export const tunnelLogin = (login: { readonly url: string; readonly expiresAt: string | null }): PortacodeEvent => ({
  event: 'cloudflare_tunnel_login',
  status: 'pending',
  login_url: login.url,
  message: 'Open the login URL to authorize Cloudflare for this domain.',
  ...(login.expiresAt === null ? {} : { expires_at: pythonTimeOf(login.expiresAt) }),
});

export const tunnelConfigured = (domain: string, file: JsonObject, warnings: readonly Warning[]): PortacodeEvent => ({
  event: 'cloudflare_tunnel_configured',
  success: true,
  message: `Cloudflare tunnel ready for ${domain}.`,
  cloudflare_tunnel: file,
  warnings,
});

export interface ForwardingNews {
  readonly views: readonly RuleView[];
  readonly at: string | undefined;
  readonly warnings: readonly Warning[];
}

function forwarding(event: string, { views, at, warnings }: ForwardingNews): PortacodeEvent {
  const shown = showRules(views);
  return { event, success: true, message: `Cloudflare ingress configured for ${shown.rules.length} rule(s).`, ...shown, updated_at: updatedAt(at), warnings };
}

export const forwardingConfigured = (news: ForwardingNews, deviceId: string): PortacodeEvent => ({ ...forwarding('cloudflare_forwarding_configured', news), device_id: deviceId });

/** Nobody of Portacode's asked for it. `deviceId`: of the tunnel, where it is named after one. */
export const forwardingChanged = (news: ForwardingNews, reason: string, deviceId: string | undefined): PortacodeEvent => ({
  ...forwarding('cloudflare_forwarding_changed', news),
  ...(deviceId === undefined ? {} : { device_id: deviceId }),
  reason,
});

export interface ExposedNews {
  readonly deviceId: string;
  readonly domain: string;
  readonly exposed: readonly ExposedPort[];
  readonly rules: readonly RuleView[];
  readonly warnings: readonly Warning[];
}

export const portsExposed = ({ deviceId, exposed, rules, warnings }: ExposedNews, { at }: Pick<Published, 'at'>): PortacodeEvent => ({
  event: 'proxmox_container_expose_ports_configured',
  success: true,
  message: appliedPorts(deviceId, exposed),
  child_device_id: deviceId,
  rules: rules.map(showRule),
  updated_at: updatedAt(at),
  exposed_ports: exposed,
  warnings,
});

/** What Portacode's function `set_container_forwarding_rules` returns, as an event. */
export const containerRulesSet = ({ deviceId, domain, exposed, rules, warnings }: ExposedNews, { at }: Pick<Published, 'at'>): PortacodeEvent => ({
  event: 'container_forwarding_rules_set',
  success: true,
  message: appliedPorts(deviceId, exposed),
  device_id: deviceId,
  domain,
  rules: rules.map(showRule),
  updated_at: updatedAt(at),
  exposed_ports: exposed,
  warnings,
});

const appliedPorts = (deviceId: string, exposed: readonly ExposedPort[]): string => `Applied ${exposed.length} expose-port rule(s) for device ${deviceId}.`;

/** What `reconcile_container_forwarding_ip` returns is `changed`. */
export const forwardingIpReconciled = (deviceId: string, changed: boolean): PortacodeEvent => ({
  event: 'container_forwarding_ip_reconciled',
  success: true,
  message: changed ? `The address of device ${deviceId} had changed, and is published now.` : `The address of device ${deviceId} had not changed.`,
  device_id: deviceId,
  changed,
});

export const setupCancelled = (cancelled: boolean): PortacodeEvent => ({
  event: 'cloudflare_tunnel_setup_cancelled',
  success: true,
  message: cancelled ? 'The Cloudflare tunnel setup was cancelled; what served before serves on.' : 'No Cloudflare tunnel setup was under way.',
  cancelled,
});

/** Any failure. `message` is all that Portacode itself looks at. */
export function errorEvent(thrown: unknown): PortacodeEvent {
  const error = toSupervisorError(thrown);
  const { code, hint, problems } = error;
  return { event: 'error', message: messageOf(error), error_code: code, hint, ...(problems.length === 0 ? {} : { problems }) };
}

function messageOf({ code, message, problems }: ErrorBody): string {
  if (code === 'SETUP_REQUIRED') return message === NAME_MISSING ? NAME_MISSING : NOT_CONFIGURED;
  // Without the number of the rule: Portacode's own words, and it stops at the first problem.
  return code === 'FORWARDING_INVALID' ? (problems[0]?.message ?? message) : message;
}
