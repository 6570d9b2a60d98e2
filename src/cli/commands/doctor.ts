import { readRunOptions } from '../../daemon/options.js';
import type { Check } from '../../doctor/check.js';
import { runChecks } from '../../doctor/run-checks.js';
import { becomeUser } from '../../host/as-user.js';
import { childEnvironment } from '../../host/child-environment.js';
import { readLockHolder } from '../../host/lock.js';
import { packageVersion } from '../../host/package-version.js';
import type { CommandContext, RunCommand } from '../command.js';
import { readRunFlags } from '../run-flags.js';
import { whoServes } from '../start-daemon.js';

export const run: RunCommand = async (context) => {
  const { environment, options, output, signal } = context;
  const identity = context.identity();
  // What the service user may and sees is what counts; and nothing of root's is left anywhere.
  becomeUser(identity);
  const places = await context.places();
  const { cloudflared, apiUrl, edge } = readRunOptions(readRunFlags(options), environment);
  output.progress('Looking …');
  const checks = await runChecks({
    identity, places, environment, apiUrl, edge, signal,
    search: { given: cloudflared, own: places.paths.binary, path: environment['PATH'], env: childEnvironment({ env: environment, home: identity.home ?? places.baseDir }) },
    version: packageVersion(),
    // A daemon that answers with an error does not serve either; who holds the lock tells the rest.
    status: await whoServes(await context.client(), signal).catch(() => undefined),
    lockHolder: readLockHolder(places.paths.lock),
  });
  output.value({ checks });
  for (const check of checks) print(context, check);
  return checks.every(({ ok }) => ok) ? 0 : 1;
};

function print({ output }: CommandContext, { name, ok, code, message, hint }: Check): void {
  const [mark, colour] = !ok ? (['✗', 'red'] as const) : code === null ? (['✓', 'green'] as const) : (['!', 'yellow'] as const);
  output.line(`${output.paint(colour, mark)} ${name.padEnd(18)} ${message}${ok || code === null ? '' : ` (${code})`}`);
  if (hint !== null) output.line(`${' '.repeat(21)}${hint}`);
}
