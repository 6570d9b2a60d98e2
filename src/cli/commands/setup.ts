import type { EventLine, RequestOf, SupervisorClient } from '../../api/client.js';
import { SupervisorError } from '../../core/errors.js';
import { readCount, readFailure } from '../arguments.js';
import type { CommandContext, RunCommand } from '../command.js';
import { followDaemon } from '../follow-daemon.js';
import { readInput } from '../read-input.js';

export const run: RunCommand = async (context) => {
  const { output, signal } = context;
  const request = await readRequest(context);
  const client = await context.client();
  // Where no daemon serves, that is said now: the watch below would wait for one.
  await client.status({ signal });
  // Watched first and started second, so that nothing is missed; ending this program does not end the setup.
  const daemon = followDaemon(client, {
    signal,
    hint: 'Start it with `cloudflared-supervisor up`, and run `setup` again; a setup that was authorised already goes on by itself.',
    onAbsent: (warning) => (output.json ? output.value({ type: 'warning', ...warning }) : output.warn([warning])),
  });
  try {
    await daemon.events.next();
    const started = await client.startSetup(request, { signal });
    if (started.joined) {
      output.value(started);
      output.line('A setup with the same parameters is under way; this is how it goes on.');
      if (started.setup.loginUrl !== null) await printLogin(context, started.setup.loginUrl, started.setup.expiresAt);
    }
    for await (const event of daemon.events) {
      if (event.type === 'heartbeat' && daemon.hasComeBack()) await requireSetup(context, client);
      if (event.type === 'heartbeat' || event.type === 'snapshot' || event.seq <= started.seq) continue;
      output.value(event);
      if (await showEvent(context, event)) return 0;
    }
  } finally {
    await daemon.events.return();
  }
  output.line(daemon.isAbsent()
    ? 'The daemon does not answer, so nothing goes on now. Once it is started again (`up`), a setup that was authorised goes on, and any other is taken back.'
    : 'The setup goes on in the daemon: `setup` shows it again, `setup cancel` ends it.');
  return 130;
};

/** A daemon that was killed before it had written the setup down has nothing to say of it when it is back. */
async function requireSetup({ signal }: CommandContext, client: SupervisorClient): Promise<void> {
  const { setup } = await client.status({ signal });
  if (setup.state === 'none') throw new SupervisorError('INTERRUPTED', 'The daemon was started again, and no setup is under way in it.', { hint: 'Look at `status`, and start it again with `setup`.' });
}

async function readRequest({ options, signal }: CommandContext): Promise<RequestOf<'startSetup'>> {
  const name = options.text('name');
  const timeout = readCount(options.text('timeout'), '--timeout', 1);
  const certFile = options.text('cert');
  const domain = options.text('domain');
  return {
    ...(name === undefined ? {} : { name }),
    ...(timeout === undefined ? {} : { timeout }),
    ...(certFile === undefined ? {} : { cert: await readCertificate(certFile, signal) }),
    ...(domain === undefined ? {} : { domain }),
    ...(options.flag('join') ? { join: true } : {}),
    ...(options.flag('takeover') ? { takeover: true } : {}),
  };
}

async function readCertificate(file: string, signal: AbortSignal): Promise<string> {
  try {
    return await readInput(file, signal);
  } catch (error) {
    signal.throwIfAborted();
    throw new SupervisorError('ORIGIN_CERT_INVALID', `${file} cannot be read: ${readFailure(error)}`, { cause: error });
  }
}

const STEP_NAMES = {
  'find-binary': 'find cloudflared',
  'log-in': 'log in at Cloudflare',
  'find-zone': 'find the zone',
  'create-tunnel': 'provide the tunnel',
  publish: 'publish',
} as const;

/** True when the setup is completed; throws when it failed. */
async function showEvent(context: CommandContext, event: Exclude<EventLine, { type: 'snapshot' | 'heartbeat' }>): Promise<boolean> {
  const { output } = context;
  switch (event.type) {
    case 'setup.step-started':
      output.progress(`${STEP_NAMES[event.data.step]} …`);
      return false;
    case 'setup.step-waiting':
      output.progress(event.data.message);
      return false;
    case 'setup.step-completed':
      output.line(`${output.paint('green', '✓')} ${STEP_NAMES[event.data.step]}: ${event.data.detail}`);
      return false;
    case 'login.url-issued':
      if (event.data.attempt > 1) output.line('The login URL above is not good any more: this one is instead.');
      await printLogin(context, event.data.url, event.data.expiresAt);
      return false;
    case 'setup.completed':
      output.warn(event.data.warnings ?? []);
      output.line(`${output.paint('green', 'done')} ${event.data.domain} is connected through tunnel ${event.data.tunnelName}.`);
      output.line(nextStep(event.data));
      return true;
    case 'setup.failed':
      throw new SupervisorError(event.data.error.code, event.data.error.message, { hint: event.data.error.hint, problems: event.data.error.problems });
    default:
      return false;
  }
}

/** Each connector of a tunnel gets its share of the requests, and answers 404 for what it has no rule for. */
const nextStep = ({ domain, joined }: { readonly domain: string; readonly joined?: boolean }): string =>
  joined === true
    ? 'Give this machine all rules of the others, at once:  cloudflared-supervisor forward set FILE'
    : `Publish a service:  cloudflared-supervisor forward add app.${domain} 3000`;

async function printLogin({ output }: CommandContext, url: string, expiresAt: string | null): Promise<void> {
  if (output.json) return;
  const until = expiresAt === null ? '' : ` (until ${expiresAt})`;
  output.line(`\nOpen this URL in any browser, and choose the domain to connect${until}:\n\n  ${url}\n`);
  if (!process.stdout.isTTY) return;
  const { renderUnicodeCompact } = await import('uqr');
  output.line(renderUnicodeCompact(url));
}
