import type { AnswerOf } from '../api/answers.js';
import type { ParsedRequest } from '../api/requests.js';
import { SupervisorError } from '../core/errors.js';
import { Secret } from '../core/secret.js';
import type { TunnelCredentials } from '../core/tunnel.js';
import { bringRules, storedRules } from '../forwarding/rules-edit.js';
import { NO_ZONE } from '../setup/no-zone.js';
import type { SetupParameters } from '../setup/parameters.js';
import type { SetupSession } from '../setup/session.js';
import type { State } from './open-state.js';

export interface ImportParts {
  readonly setup: Pick<SetupSession, 'start'>;
  readonly state: Pick<State, 'tunnel' | 'revisions'>;
  readonly views: () => AnswerOf<'importTunnel'>['rules'];
}

type ImportRequest = ParsedRequest<'importTunnel'>;

/** Takes the place of connectors that others run here. Answers when ours serves; the others are not touched. */
export async function importTunnel(request: ImportRequest, { setup, state, views }: ImportParts): Promise<AnswerOf<'importTunnel'>> {
  const parameters = await toParameters(request);
  if (isDone(request, state)) return answer('unchanged', state, views, []);
  const { outcome } = setup.start(parameters);
  const { warnings } = await outcome;
  return answer('imported', state, views, warnings);
}

/** Asked a second time, perhaps to retire the old connector: what was changed here since then stays. */
function isDone({ tunnel: { id }, cert, rules }: ImportRequest, { tunnel, revisions }: ImportParts['state']): boolean {
  const installed = tunnel();
  const current = revisions.current();
  if (installed === undefined || current === undefined || installed.id !== id?.toLowerCase() || current.tunnelId !== installed.id) return false;
  if (cert !== undefined && installed.zoneId === NO_ZONE) return false;
  const stored = storedRules(current);
  return bringRules(rules, { keepStored: true })(stored).rules.length === stored.rules.length;
}

function answer(outcome: 'imported' | 'unchanged', { tunnel, revisions }: ImportParts['state'], views: ImportParts['views'], warnings: AnswerOf<'importTunnel'>['warnings']): AnswerOf<'importTunnel'> {
  const installed = tunnel();
  const current = revisions.current();
  if (installed === undefined || current === undefined) throw new SupervisorError('INTERNAL_FAULT', 'The tunnel was taken over, and is not there any more');
  const { id, name, domain, zoneId } = installed;
  return { outcome, tunnel: { id, name, domain }, revision: current.revision, rules: views(), dns: zoneId === NO_ZONE ? 'unmanaged' : 'managed', warnings };
}

async function toParameters({ tunnel, credentials, cert, domain, likelyDomain, rules, connectors, takeover }: ImportRequest): Promise<SetupParameters> {
  return {
    ...(cert === undefined ? {} : { certificate: new Secret(cert) }),
    ...(domain === undefined ? {} : { domain }),
    ...(takeover === undefined ? {} : { takeover }),
    adoption: {
      tunnelId: tunnel.id?.toLowerCase(),
      tunnelName: tunnel.name,
      credentials: credentials === undefined ? undefined : await parseCredentials(credentials),
      likelyDomain,
      rules,
      connectorIds: connectors?.ids ?? [],
      otherConnectors: connectors?.others ?? 0,
    },
  };
}

async function parseCredentials(content: string): Promise<TunnelCredentials> {
  const { credentialsSchema } = await import('../state/credentials-file.js');
  const refuse = (): SupervisorError => new SupervisorError('REQUEST_INVALID', 'The credentials are not those of a tunnel', { problems: [{ field: 'credentials', code: 'CREDENTIALS_INVALID', message: 'is not the content of a credentials file' }] });
  let value: unknown;
  try {
    value = JSON.parse(content);
  } catch {
    throw refuse(); // The parser's words would quote the secret.
  }
  const parsed = credentialsSchema.safeParse(value);
  if (!parsed.success) throw refuse();
  return parsed.data;
}
