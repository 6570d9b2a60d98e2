import { accessSync, constants, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { systemClock } from '../core/clock.js';
import { SupervisorError } from '../core/errors.js';
import { readRunOptions } from '../daemon/options.js';
import { childEnvironment } from '../host/child-environment.js';
import type { Identity } from '../host/identity.js';
import { packageVersion } from '../host/package-version.js';
import { parseSha256 } from '../releases/checksums.js';
import type { InstallContext } from '../releases/install.js';
import { describeProgress } from '../releases/progress.js';
import type { ReleaseRequest } from '../releases/release.js';
import { createReleaseHttp } from '../releases/release-http.js';
import { readFailure } from './arguments.js';
import type { CommandContext } from './command.js';
import { readRunFlags } from './run-flags.js';

/** What `--version`, `--mirror`, `--from` and `--sha256` ask for. @throws SupervisorError OPTION_INVALID */
export function readReleaseRequest({ options, environment }: Pick<CommandContext, 'options' | 'environment'>): ReleaseRequest {
  const from = options.text('from');
  return {
    version: options.text('version'),
    mirror: readRunOptions(readRunFlags(options), environment).mirror,
    from: from === undefined ? undefined : readFrom(from),
    sha256: readSha256(options.text('sha256')),
  };
}

function readFrom(text: string): URL {
  const [, scheme] = /^([a-z][a-z0-9+.-]*):\/\//i.exec(text) ?? [];
  if (scheme === undefined) return readableFile(resolve(text));
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol === 'http:' || url?.protocol === 'https:') return url;
  // A file of another host is none here.
  if (url?.protocol === 'file:' && url.host === '') return readableFile(fileURLToPath(url));
  throw new SupervisorError('OPTION_INVALID', `--from must be a file, or an http or https URL, and not ${JSON.stringify(text.slice(0, 80))}`);
}

/** Said before anything is begun: what fails later is said to be a failure of the disk. */
function readableFile(path: string): URL {
  const hint = 'Name the file of a cloudflared for this machine.';
  try {
    accessSync(path, constants.R_OK);
  } catch (error) {
    throw new SupervisorError('OPTION_INVALID', `--from: ${path} cannot be read: ${readFailure(error)}`, { cause: error, hint });
  }
  if (statSync(path).isDirectory()) throw new SupervisorError('OPTION_INVALID', `--from: ${path} is a directory`, { hint });
  return pathToFileURL(path);
}

function readSha256(text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  const sha256 = parseSha256(text);
  if (sha256 === undefined) throw new SupervisorError('OPTION_INVALID', '--sha256 must be 64 hexadecimal digits');
  return sha256;
}

/** What installing needs of this process. Close its `http` when done. */
export async function createInstallContext(context: CommandContext, identity: Identity): Promise<InstallContext> {
  const { options, environment, output, signal } = context;
  const { paths, baseDir } = await context.places();
  const { cloudflared } = readRunOptions(readRunFlags(options), environment);
  return {
    paths, identity, signal,
    env: environment,
    clock: systemClock,
    search: { given: cloudflared, own: paths.binary, path: environment['PATH'], env: childEnvironment({ env: environment, home: identity.home ?? baseDir }) },
    http: createReleaseHttp({ env: environment, clock: systemClock, userAgent: `cloudflared-supervisor/${packageVersion()}` }),
    onProgress: (progress) => output.progress(describeProgress(progress)),
  };
}
