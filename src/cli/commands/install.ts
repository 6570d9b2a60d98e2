import { SupervisorError } from '../../core/errors.js';
import { becomeUser } from '../../host/as-user.js';
import { findCaBundle } from '../../host/ca-bundle.js';
import { resolveIdentity, type Identity } from '../../host/identity.js';
import { installBinary, type InstallReport, type InstallRequest } from '../../releases/install.js';
import { installPrerequisites, type PrerequisiteReport } from '../../releases/prerequisites.js';
import type { CommandContext, RunCommand } from '../command.js';
import { createInstallContext, readReleaseRequest } from '../release-request.js';

export const run: RunCommand = async (context) => {
  const { options, output, environment } = context;
  const to = readPlace(options.text('to'));
  const dryRun = options.flag('dry-run');
  const request: InstallRequest = { ...readReleaseRequest(context), to, dryRun };
  // Root's part comes first: what follows is done as the service user, for good.
  const prerequisites = options.flag('prerequisites') ? await installPrerequisites({ env: environment, dryRun, findBundle: () => findCaBundle({ env: environment }) }) : null;
  const identity = becomeWhoItIsFor(context, to);
  const installing = await createInstallContext(context, identity);
  try {
    const report = await installBinary(request, installing);
    output.value({ ...report, prerequisites });
    printPrerequisites(context, prerequisites);
    printReport(context, report);
    return 0;
  } finally {
    await installing.http.close();
  }
};

function readPlace(text: string | undefined): InstallRequest['to'] {
  if (text === undefined || text === 'user' || text === 'system') return text;
  throw new SupervisorError('OPTION_INVALID', `--to must be user or system, and not ${JSON.stringify(text)}`);
}

/** Into the system's directories root puts it, for everybody; into a base directory nobody but its user. */
function becomeWhoItIsFor(context: CommandContext, to: InstallRequest['to']): Identity {
  if (to === 'system' && process.geteuid?.() === 0) return resolveIdentity({ env: context.environment, needsRoot: true });
  const identity = context.identity();
  becomeUser(identity);
  return identity;
}

function printPrerequisites({ output }: CommandContext, report: PrerequisiteReport | null): void {
  if (report === null) return;
  const packages = report.packages.join(', ');
  if (report.outcome === 'present') output.line('CA certificates: there already.');
  else output.line(report.outcome === 'planned' ? `As root: ${report.command?.join(' ') ?? ''}` : `${packages}: installed.`);
}

function printReport({ output }: CommandContext, report: InstallReport): void {
  const { outcome, path, version, previousVersion, source, sha256, checksumFrom } = report;
  const name = `cloudflared ${version ?? ''}`.trimEnd();
  output.warn(report.warnings);
  if (outcome === 'found') {
    output.line(`${path} is ${name}, and will do.`);
    return;
  }
  const instead = previousVersion === null ? '' : ` in place of ${previousVersion}`;
  output.line(outcome === 'planned' ? `${name} would be put into ${path}${instead}, from ${source ?? ''}.` : `${output.paint('green', 'done')} ${path} is ${name}${instead}.`);
  if (sha256 !== null) output.line(`SHA-256 ${sha256}${checksumFrom === null ? '' : `, as ${checksumFrom} says`}`);
}
