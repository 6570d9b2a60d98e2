import { SupervisorError, type Problem } from '../core/errors.js';
import { quote } from '../core/parsed.js';
import type { TunnelCredentials } from '../core/tunnel.js';
import type { ForwardingRule } from '../core/rule.js';
import type { Unreadable } from './findings.js';
import type { Candidate, Decision } from './report.js';

/** What a daemon is asked for when it is to take a tunnel over: the control API's own words, the secrets in clear. */
export interface AdoptionRequest {
  readonly tunnel: { readonly id?: string; readonly name?: string };
  readonly credentials?: string;
  readonly cert?: string;
  readonly domain?: string;
  readonly likelyDomain?: string;
  readonly rules: readonly ForwardingRule[];
  readonly connectors: { readonly ids: readonly string[]; readonly others: number };
  readonly takeover?: true;
}

/**
 * The one tunnel that is meant.
 * @throws SupervisorError TUNNEL_UNKNOWN, TUNNEL_AMBIGUOUS
 */
export function chooseCandidate({ candidates, report: { unknown } }: Decision, wanted: string | undefined): Candidate {
  if (wanted !== undefined) {
    const found = candidates.find(({ report }) => report.id === wanted.toLowerCase() || report.name === wanted);
    if (found === undefined) throw new SupervisorError('TUNNEL_UNKNOWN', `There is no tunnel ${quote(wanted)} here.`);
    return found;
  }
  // One that runs is meant rather than one that lies about.
  const running = candidates.filter(({ report }) => report.processes.length > 0);
  const likely = running.length > 0 ? running : candidates;
  const [only, ...others] = likely;
  if (only === undefined) throw nothingFound(unknown);
  if (others.length > 0) throw new SupervisorError('TUNNEL_AMBIGUOUS', `There are several tunnels here: ${likely.map(({ report }) => report.name ?? report.id ?? '').join(', ')}.`);
  return only;
}

/** There may be one behind what could not be read: then that is what is to be said. */
function nothingFound(unknown: Decision['report']['unknown']): SupervisorError {
  const unreadable = unknown.flatMap((one) => one.unreadable);
  const [first] = unreadable;
  if (first === undefined) return new SupervisorError('TUNNEL_UNKNOWN', 'There is no tunnel here that could be taken over.');
  return new SupervisorError(first.code, `For which tunnel ${unknown[0]?.what ?? ''} is cannot be told: ${first.message}`, { hint: hintOf(unreadable), problems: unreadable.map(toProblem) });
}

const isAboutRights = ({ code }: Unreadable): boolean => code.startsWith('PRIVILEGE_') || code === 'STORAGE_FORBIDDEN';
const hintOf = (unreadable: readonly Unreadable[]): string => (unreadable.some(isAboutRights) ? 'Run the command with sudo, or as root with --user: the tunnel is taken over for the service user all the same.' : (unreadable[0]?.hint ?? ''));
const toProblem = ({ path, code, message, hint }: Unreadable): Problem => ({ field: path, code, message: `${message}. ${hint}` });

/** @throws SupervisorError TUNNEL_REMOTE, IMPORT_INCOMPLETE, CREDENTIALS_MISSING, STORAGE_* or PRIVILEGE_* */
export function refuseUnready({ report }: Candidate): void {
  const { verdict, obstacles, refused, unreadable, name, id } = report;
  const called = quote(name ?? id ?? '');
  if (verdict === 'remote') throw new SupervisorError('TUNNEL_REMOTE', `The tunnel ${called} cannot be taken over. ${obstacles.join(' ')}`);
  if (obstacles.length === 0) return;
  const problems = [
    ...refused.map(({ number, code, reason, hostname }) => ({ field: `rule ${number}`, code, message: `${hostname === '' ? 'it' : hostname} ${reason}` })),
    ...unreadable.map(toProblem),
  ];
  if (verdict === 'unknown') throw new SupervisorError(unreadable.find(isAboutRights)?.code ?? 'CREDENTIALS_MISSING', `The tunnel ${called} cannot be taken over. ${obstacles.join(' ')}`, { hint: hintOf(unreadable), problems });
  throw new SupervisorError('IMPORT_INCOMPLETE', `The tunnel ${called} cannot be taken over as it is. ${obstacles.join(' ')}`, { problems });
}

export function toAdoptionRequest({ report, credentials, certificate, rules }: Candidate, options: { readonly takeover: boolean }): AdoptionRequest {
  const { id, name, domain, processes } = report;
  const ids = processes.flatMap(({ connectorId }) => connectorId ?? []);
  return {
    tunnel: { ...(id === null ? {} : { id }), ...(name === null ? {} : { name }) },
    ...(credentials === undefined ? {} : { credentials: credentialsText(credentials) }),
    ...(certificate === undefined ? {} : { cert: certificate.reveal() }),
    ...(domain === null ? {} : domain.from === '--domain' ? { domain: domain.name } : { likelyDomain: domain.name }),
    rules,
    connectors: { ids, others: processes.length - ids.length },
    ...(options.takeover ? { takeover: true } : {}),
  };
}

const credentialsText = ({ accountTag, tunnelId, tunnelSecret, endpoint }: TunnelCredentials): string =>
  JSON.stringify({ AccountTag: accountTag, TunnelSecret: tunnelSecret.reveal(), TunnelID: tunnelId, Endpoint: endpoint });
