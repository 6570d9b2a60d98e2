import type { AnswerOf, SupervisorClient } from '../../api/client.js';
import { becomeUser } from '../../host/as-user.js';
import { describeProgress } from '../../releases/progress.js';
import type { ReleaseRequest } from '../../releases/release.js';
import { upgradeInPlace } from '../../releases/upgrade.js';
import type { CommandContext, RunCommand } from '../command.js';
import { createInstallContext, readReleaseRequest } from '../release-request.js';
import { whoServes } from '../start-daemon.js';

type Answer = AnswerOf<'upgrade'>;

export const run: RunCommand = async (context) => {
  const { output, signal } = context;
  const request = readReleaseRequest(context);
  const client = await context.client();
  const serving = await whoServes(client, signal);
  const answer = serving === undefined ? await upgradeFile(context, request) : await upgradeDaemon(context, client, request);
  output.value(answer);
  output.warn(answer.warnings);
  print(context, answer, serving !== undefined);
  return 0;
};

/** The daemon downloads it and replaces its connector; this program shows how far it is. Going away ends nothing. */
async function upgradeDaemon({ output, options, signal }: CommandContext, client: SupervisorClient, { version, mirror }: ReleaseRequest): Promise<Answer> {
  const watch = new AbortController();
  const events = client.events({ signal: AbortSignal.any([watch.signal, signal]) });
  const show = async (): Promise<void> => {
    for await (const event of events) {
      if (event.type !== 'binary.progressed') continue;
      const { version: offered, receivedBytes, totalBytes } = event.data;
      output.progress(describeProgress({ version: offered ?? undefined, receivedBytes, totalBytes: totalBytes ?? undefined }));
    }
  };
  // It is for the eye alone: where it fails, the answer comes all the same.
  const shown = show().catch(() => undefined);
  try {
    const asked = { ...(version === undefined ? {} : { version }), ...(mirror === undefined ? {} : { mirror: mirror.href }), ...(options.flag('dry-run') ? { dryRun: true } : {}) };
    return await client.upgrade(asked, { signal });
  } finally {
    watch.abort();
    await shown;
  }
}

/** Nobody serves: the file is all that there is to replace. */
async function upgradeFile(context: CommandContext, request: ReleaseRequest): Promise<Answer> {
  const identity = context.identity();
  becomeUser(identity);
  const installing = await createInstallContext(context, identity);
  const startedAt = installing.clock.monotonic();
  try {
    const upgraded = await upgradeInPlace(request, context.options.flag('dry-run'), installing);
    return { ...upgraded, connector: 'none', warnings: [], durationMs: installing.clock.monotonic() - startedAt };
  } finally {
    await installing.http.close();
  }
}

function print({ output }: CommandContext, { outcome, from, to, connector }: Answer, isServed: boolean): void {
  if (outcome === 'unchanged') {
    output.line(`${to.path} is cloudflared ${to.version}, and there is nothing newer.`);
    return;
  }
  const change = `${from?.version ?? 'none'} → ${to.version} (${to.path})`;
  if (outcome === 'planned') {
    output.line(`cloudflared ${change} would be put in place.`);
    return;
  }
  const served = connector === 'replaced' ? 'its connector serves' : isServed ? 'no connector was running' : 'no daemon was serving';
  output.line(`${output.paint('green', 'done')} cloudflared ${change}: ${served}.`);
}
