import type { AnswerOf } from '../../api/client.js';
import { whyNoConnector } from '../../core/status.js';
import { printRules } from '../change-printer.js';
import type { CommandContext, RunCommand } from '../command.js';

export const run: RunCommand = async (context) => {
  if (context.options.flag('portacode')) return await printSystemInfo(context);
  const client = await context.client();
  const status = await client.status({ signal: context.signal });
  context.output.value(status);
  if (!context.output.json) printStatus(context, status);
  return 0;
};

async function printSystemInfo(context: CommandContext): Promise<number> {
  const [{ readSystemInfo }, { printExactJson }] = await Promise.all([import('../../portacode/state-files/system-info.js'), import('../../portacode/state-files/exact-json.js')]);
  const info = await readSystemInfo((await context.places()).stateDir);
  process.stdout.write(`${printExactJson(info, context.output.json ? undefined : 2)}\n`);
  return 0;
}

function printStatus(context: CommandContext, status: AnswerOf<'status'>): void {
  const { output } = context;
  const { daemon, tunnel, setup } = status;
  output.line(`daemon     pid ${String(daemon.pid)}, version ${daemon.version}, since ${daemon.startedAt}, user ${daemon.user}`);
  output.line(`           ${daemon.baseDir}`);
  output.line(`tunnel     ${tunnel === null ? 'none: run `cloudflared-supervisor setup`' : `${tunnel.name} (${tunnel.id}) for ${tunnel.domain}`}`);
  for (const connector of status.connectors) {
    const pid = connector.pid === null ? '' : `pid ${String(connector.pid)}, `;
    const colour = connector.state === 'ready' ? 'green' : 'yellow';
    output.line(`connector  ${output.paint(colour, connector.state)}, ${pid}revision ${String(connector.revision)}, ${String(connector.connections)} connection(s)`);
  }
  const idle = whyNoConnector(status);
  if (idle !== undefined) output.line(`connector  none: ${idle}`);
  if (setup.state === 'running' || setup.state === 'waiting') output.line(`setup      ${setup.step ?? ''}: ${setup.loginUrl ?? setup.message ?? setup.state}`);
  output.line('rules');
  printRules(context, status.rules);
  for (const { code, message, hint } of status.attention) output.line(`${output.paint('yellow', code)} ${message}${hint === '' ? '' : `\n  ${hint}`}`);
}
