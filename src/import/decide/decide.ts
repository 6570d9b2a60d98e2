import type { Finding, Found, FoundCertificate } from '../findings.js';
import type { Candidate, Decision, TunnelReport } from '../report.js';
import type { UserRights } from '../survey/ports.js';
import { checkRules } from './check-rules.js';
import { commonDomain } from './domain.js';
import { describeDifferences, describeDrift } from './notes.js';
import { leadToDevices, rulesAlone } from './portacode-rules.js';
import { reportProcess, reportServices } from './runners.js';
import { convertRules, type ConvertedRules, type RuleChoices } from './rules.js';
import { byWeight, driftOf, hidesItsConfig, ingressOf, isRemote } from './source.js';

/** What a person decides beforehand. */
export interface ImportChoices extends RuleChoices {
  readonly domain: string | undefined;
  /** Leave DNS alone, though there is a certificate. */
  readonly withoutCertificate: boolean;
}

export interface DecisionContext {
  readonly rights: UserRights;
  /** The user's own certificates: used where no other one is for the tunnel's account. */
  readonly certificates: readonly Found<FoundCertificate>[];
  /** The tunnel that the daemon runs here already, where one answers. */
  readonly installedTunnelId: string | undefined;
}

/** From what was found to what can be taken over, and what cannot and why. Changes nothing. */
export async function decide(findings: readonly Finding[], choices: ImportChoices, context: DecisionContext): Promise<Decision> {
  const groups = groupByTunnel(findings.filter(({ quickTunnel }) => !quickTunnel));
  const candidates = await Promise.all(groups.tunnels.map((group) => decideTunnel(byWeight(group), choices, context)));
  return {
    candidates,
    report: {
      tunnels: candidates.map(({ report }) => report),
      quickTunnels: findings.filter(({ quickTunnel }) => quickTunnel).flatMap((finding) => reportProcess(finding) ?? []),
      unknown: groups.unknown.map(({ origin, unreadable }) => ({ what: origin.kind === 'process' ? `process ${origin.pid} (${origin.commandLine})` : origin.file, unreadable: dedupe(unreadable) })),
    },
  };
}

/** By id; one that is named only goes with the one of that name, or stands alone. */
function groupByTunnel(findings: readonly Finding[]): { readonly tunnels: readonly (readonly Finding[])[]; readonly unknown: readonly Finding[] } {
  const groups = new Map<string, Finding[]>();
  for (const finding of findings.filter(({ tunnelId }) => tunnelId !== undefined)) groups.set(finding.tunnelId ?? '', [...(groups.get(finding.tunnelId ?? '') ?? []), finding]);
  for (const finding of findings.filter(({ tunnelId, tunnelName }) => tunnelId === undefined && tunnelName !== undefined)) {
    const [key] = [...groups].find(([, group]) => group.some(({ tunnelName }) => tunnelName === finding.tunnelName)) ?? [`name ${finding.tunnelName ?? ''}`];
    groups.set(key, [...(groups.get(key) ?? []), finding]);
  }
  return { tunnels: [...groups.values()], unknown: findings.filter(({ tunnelId, tunnelName }) => tunnelId === undefined && tunnelName === undefined) };
}

async function decideTunnel(group: readonly Finding[], choices: ImportChoices, context: DecisionContext): Promise<Candidate> {
  const [main] = group;
  if (main === undefined) throw new RangeError('a tunnel without findings');
  const id = group.find(({ tunnelId }) => tunnelId !== undefined)?.tunnelId;
  const credentials = group.find((finding) => finding.credentials !== undefined)?.credentials;
  const certificate = choices.withoutCertificate ? undefined : chooseCertificate(group, context.certificates, credentials?.value.accountTag);
  const canRun = credentials !== undefined || certificate !== undefined;
  const isElsewhere = isRemote(main);
  const { rules, notes } = isElsewhere ? { rules: NO_RULES, notes: [] } : await readRules(main, group, choices, context.rights);
  const obstacles = isElsewhere ? [] : findObstacles(main, group, rules, { hasCredentials: canRun, id });
  const names = [...new Set(rules.taken.map(({ rule }) => rule.hostname))];
  const processes = group.flatMap((finding) => reportProcess(finding) ?? []);
  const isOurs = id !== undefined && id === context.installedTunnelId;
  const report: TunnelReport = {
    id: id ?? null,
    name: group.map(({ origin, tunnelName }) => tunnelName ?? (origin.kind === 'portacode' ? origin.tunnelName : undefined)).find((name) => name !== undefined) ?? null,
    verdict: isElsewhere ? 'remote' : isOurs ? 'ours' : obstacles.length === 0 ? 'ready' : isMissing(main, rules, canRun) ? 'unknown' : 'in-the-way',
    obstacles: isElsewhere ? [describeRemote(main)] : obstacles,
    domain: chooseDomain(group, choices, names),
    services: reportServices(group, processes),
    processes,
    config: main.config?.from ?? null,
    credentials: credentials?.from ?? null,
    certificate: certificate === undefined ? null : { from: certificate.from, zoneId: certificate.value.certificate.zoneId },
    rules: rules.taken,
    refused: rules.refused,
    skipped: rules.skipped,
    remoteRules: isElsewhere ? showRemoteRules(main) : [],
    names,
    notes: [...rules.notes, ...notes],
    unreadable: dedupe(group.flatMap(({ unreadable }) => unreadable)),
  };
  return { report, credentials: credentials?.value, certificate: certificate?.value.pem, rules: rules.taken.map(({ rule }) => rule) };
}

const NO_RULES: ConvertedRules = { taken: [], refused: [], skipped: [], notes: [] };

async function readRules(main: Finding, group: readonly Finding[], choices: ImportChoices, rights: UserRights): Promise<{ readonly rules: ConvertedRules; readonly notes: readonly string[] }> {
  const source = ingressOf(main);
  const portacode = group.flatMap(({ origin }) => (origin.kind === 'portacode' ? [origin] : []))[0];
  if (source === undefined) return { rules: portacode === undefined ? NO_RULES : await checkRules({ ...NO_RULES, taken: rulesAlone(portacode) }, rights), notes: [] };
  const converted = convertRules(source, choices);
  const taken = portacode === undefined ? converted.taken : leadToDevices(converted.taken, portacode);
  return { rules: await checkRules({ ...converted, taken }, rights), notes: [...describeDifferences(main, group), ...describeDrift(main)] };
}

interface Known {
  readonly hasCredentials: boolean;
  readonly id: string | undefined;
}

function findObstacles(main: Finding, group: readonly Finding[], { refused }: ConvertedRules, { hasCredentials, id }: Known): readonly string[] {
  const others = group.filter((other) => other !== main && other.origin.kind === 'process' && main.origin.kind === 'process' && !isSameIngress(other, main));
  const drift = driftOf(main);
  return [
    ...(hidesItsConfig(main) ? ['Its configuration cannot be read, so that its rules are not known.'] : []),
    ...(hasCredentials ? [] : [`Its credentials${id === undefined ? '' : ` (${id}.json)`} were not found or cannot be read, and there is no certificate to fetch them with.`]),
    ...refused.map(({ number, hostname, reason }) => `Rule #${number}${hostname === '' ? '' : ` (${hostname})`} ${reason}.`),
    ...(others.length === 0 ? [] : ['Several connectors of this tunnel run here with different rules; make them the same first.']),
    ...(drift?.kind !== 'led' ? [] : [`The running connector does not serve what ${main.config?.from ?? 'its configuration'} says (${drift.difference}): the file was changed after it started. Restart the old service, or put the file right, first.`]),
  ];
}

const isMissing = (main: Finding, { refused }: ConvertedRules, hasCredentials: boolean): boolean => refused.length === 0 && (hidesItsConfig(main) || !hasCredentials);

function isSameIngress(a: Finding, b: Finding): boolean {
  const text = (finding: Finding): string => JSON.stringify(ingressOf(finding) ?? null);
  return text(a) === text(b);
}

/** One that is for another account could do nothing for this tunnel. */
function chooseCertificate(group: readonly Finding[], own: readonly Found<FoundCertificate>[], account: string | undefined): Found<FoundCertificate> | undefined {
  return [...group.flatMap(({ certificates }) => certificates), ...own].find(({ value }) => account === undefined || value.certificate.accountId === account);
}

function chooseDomain(group: readonly Finding[], { domain }: ImportChoices, names: readonly string[]): TunnelReport['domain'] {
  if (domain !== undefined) return { name: domain, from: '--domain' };
  for (const { origin } of group) if (origin.kind === 'portacode' && origin.domain !== undefined) return { name: origin.domain, from: origin.file };
  const common = commonDomain(names);
  return common === undefined ? null : { name: common, from: 'its names' };
}

function describeRemote({ live }: Finding): string {
  if (live?.configVersion !== undefined) return `Its rules are managed at Cloudflare (its connector runs on number ${live.configVersion} of them), and are changed in the dashboard; connectors here have no say in them.`;
  return 'It was started without rules of its own, so they are managed at Cloudflare (or it has none); connectors here have no say in them.';
}

function showRemoteRules({ live }: Finding): TunnelReport['remoteRules'] {
  const list: unknown = live?.ingress;
  return (Array.isArray(list) ? (list as unknown[]) : []).flatMap((item) => {
    if (typeof item !== 'object' || item === null) return [];
    const text = (key: string): string => {
      const value = (item as Readonly<Record<string, unknown>>)[key];
      return typeof value === 'string' ? value : '';
    };
    return [{ hostname: text('hostname'), path: text('path'), service: text('service') }];
  });
}

const dedupe = (list: readonly TunnelReport['unreadable'][number][]): TunnelReport['unreadable'] => list.filter(({ path, message }, index) => list.findIndex((other) => other.path === path || other.message === message) === index);
