import type { Warning } from '../core/dns.js';
import type { Revision } from '../core/revision.js';
import type { Attention, ConnectorStatus, RuleView, SetupStatus, Status } from '../core/status.js';
import type { LedgerEntry } from '../core/dns.js';
import type { TunnelIdentity } from '../core/tunnel.js';
import { viewRules } from '../forwarding/views.js';
import { NO_ZONE } from '../setup/no-zone.js';
import { toAttention } from './attention.js';

/** What the status is a view of. */
export interface Observed {
  readonly daemon: Omit<Status['daemon'], 'revision'>;
  readonly tunnel: TunnelIdentity | undefined;
  readonly current: Revision | undefined;
  readonly connectors: readonly ConnectorStatus[];
  readonly setup: SetupStatus;
  readonly ledger: readonly LedgerEntry[];
  readonly dnsStateOf: (hostname: string) => string;
  /** What is wrong with the connector that is kept alive. */
  readonly connectorAttention: readonly Attention[];
  /** What happened. */
  readonly happened: readonly Attention[];
}

/** Pure. */
export function projectStatus(observed: Observed): Status {
  const { daemon, tunnel, current, connectors, setup } = observed;
  return {
    daemon: { ...daemon, revision: current?.revision ?? null },
    tunnel: tunnel === undefined ? null : { id: tunnel.id, name: tunnel.name, domain: tunnel.domain, joined: tunnel.joined },
    connectors,
    rules: projectRules(current, tunnel, observed.dnsStateOf),
    setup,
    attention: [...observed.connectorAttention, ...whatIsMissing(observed), ...observed.happened],
  };
}

/** The rules as they are shown. Without a tunnel they are kept, and published nowhere. */
export function projectRules(current: Revision | undefined, tunnel: TunnelIdentity | undefined, dnsStateOf: (hostname: string) => string): readonly RuleView[] {
  const rules = viewRules(current, { stateOf: dnsStateOf });
  return tunnel === undefined ? rules.map((rule): RuleView => ({ ...rule, status: 'outside-zone', resolvedIp: null })) : rules;
}

function whatIsMissing({ tunnel, current, setup, ledger }: Observed): readonly Attention[] {
  if (tunnel === undefined) return setup.state === 'running' || setup.state === 'waiting' ? [] : [toAttention('SETUP_REQUIRED', 'No domain is connected yet.')];
  const unresolved = current?.rules.filter(({ status }) => status === 'unresolved').map(({ rule }) => rule.hostname) ?? [];
  const setAside = [...new Set(current?.setAside.map(({ hostname }) => hostname))];
  const owed = ledger.filter(({ removalOwed }) => removalOwed).map(({ hostname }) => hostname);
  return [
    ...(tunnel.zoneId === NO_ZONE ? [UNMANAGED] : []),
    ...about(unresolved, (names) => ({ code: 'DEVICE_UNRESOLVED', message: `The devices of ${names} have no address: these names answer 503.` }), 'Start the device; the address is taken over by itself.'),
    ...about(setAside, (names) => ({ code: 'RULE_OUTSIDE_ZONE', message: `${names} ${setAside.length === 1 ? 'is' : 'are'} not in ${tunnel.domain}: kept, and not published.` }), 'Remove them, or run `setup` for their zone.'),
    ...about(owed, (names) => ({ code: 'DNS_REMOVAL_OWED', message: `The DNS records of ${names} could not be removed yet.` }), 'It is tried again by itself; `setup` renews a certificate that Cloudflare does not accept any more.'),
  ];
}

/** A tunnel that was taken over without a certificate. */
const UNMANAGED: Attention = { code: 'DNS_UNMANAGED', message: 'There is no certificate to manage DNS with: records of names are neither made nor removed.', hint: 'Run `setup` to log in, or make the records by hand.' };

const SHOWN_NAMES = 5;

function about(names: readonly string[], describe: (names: string) => Warning, hint: string): readonly Attention[] {
  if (names.length === 0) return [];
  const more = names.length > SHOWN_NAMES ? ` and ${names.length - SHOWN_NAMES} more` : '';
  const { code, message } = describe(names.slice(0, SHOWN_NAMES).join(', ') + more);
  return [{ code, message, hint }];
}
