import type { Finding } from '../findings.js';
import { driftOf, ingressOf } from './source.js';

/** How our connector runs is said with options of `run`; what the old one was told is not taken over silently. */
const OPTIONS_OF_RUN: Readonly<Record<string, string>> = { protocol: '--protocol', 'grace-period': '--grace-period', 'ha-connections': '--connections', edge: '--edge', cacert: '--edge-ca', 'api-url': '--api-url' };

/** Of no consequence for visitors, or seen to by us. */
const OURS: ReadonlySet<string> = new Set([
  'config', 'credentials-file', 'token-file', 'origincert', 'metrics', 'no-autoupdate', 'autoupdate-freq', 'autoupdate', 'pidfile', 'loglevel', 'transport-loglevel',
  'logfile', 'log-directory', 'output', 'no-prechecks', 'trace-output', 'metrics-update-freq', 'is-autoupdated', 'url', 'hello-world', 'unix-socket', 'bastion', 'name', 'hostname',
]);

/** What is other here than it was, and no obstacle. */
export function describeDifferences(main: Finding, group: readonly Finding[]): readonly string[] {
  const settings = [...main.settings].filter(([name, value]) => !OURS.has(name) && value !== '' && value !== 'false');
  const unused = group.filter((other) => other !== main && other.config !== undefined && other.config.from !== main.config?.from);
  return [
    ...settings.map(([name, value]) => {
      const option = OPTIONS_OF_RUN[name];
      return option === undefined ? `Its setting ${name}: ${value} is not taken over.` : `Its setting ${name}: ${value} is not taken over; \`run ${option}\` has the same for our connectors.`;
    }),
    ...(hasSharedAccess(main) ? ['What originRequest.access says for the whole file is left out: cloudflared asks for Access only where a rule itself says so.'] : []),
    ...unused.map(({ config }) => `${config?.from ?? ''} is for the same tunnel and is not used: what runs has its rules from ${main.config?.from ?? 'elsewhere'}.`),
  ];
}

/** The running connector asks its origins otherwise than its file says: the file counts here. */
export function describeDrift(main: Finding): readonly string[] {
  const drift = driftOf(main);
  return drift?.kind === 'asked' ? [`The running connector asks origins otherwise than ${main.config?.from ?? 'its configuration'} says (${drift.difference}): here the file counts.`] : [];
}

const hasSharedAccess = (finding: Finding): boolean => ingressOf(finding)?.originRequest['access'] !== undefined;
