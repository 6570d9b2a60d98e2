import type { Emit } from '../core/events.js';
import { SupervisorError, toSupervisorError } from '../core/errors.js';
import type { BinaryFinder as BinaryPort } from '../setup/ports.js';
import type { BinaryFinder } from './binary-parts.js';
import type { ProcessContext } from './process-context.js';

/** How often a person is told how far the download is. */
const PROGRESS_EVERY_MS = 1_000;

/**
 * The first step of a setup: the cloudflared that is found, else the newest release, into the base directory. That needs no
 * rights, so nobody is asked. One that was named with `--cloudflared` is that one or none.
 */
export function createBinaryProvider(context: ProcessContext, binary: BinaryFinder, emit: Emit): BinaryPort {
  const { places, identity, environment, options, clock, version } = context;
  return {
    find: async (signal, onWaiting) => {
      const found = await binary.find().catch((error: unknown) => {
        if (binary.search.given !== undefined) throw error;
        return toSupervisorError(error);
      });
      if (!(found instanceof SupervisorError)) return found;
      // Loaded only where something has to be downloaded.
      const [{ createReleaseHttp }, { installBinary, isAboutBinary }, { describeProgress, sparsely }] = await Promise.all([
        import('../releases/release-http.js'), import('../releases/install.js'), import('../releases/progress.js'),
      ]);
      if (!isAboutBinary(found)) throw found;
      onWaiting(`${found.message} The newest is downloaded.`);
      const http = createReleaseHttp({ env: environment, clock, userAgent: `cloudflared-supervisor/${version}` });
      try {
        const installed = await installBinary({ to: 'user', mirror: options.mirror }, {
          paths: places.paths, identity, search: binary.search, env: environment, http, clock, signal,
          onProgress: sparsely(clock, PROGRESS_EVERY_MS, (progress) => onWaiting(describeProgress(progress))),
        });
        const { path, version: installedVersion, sha256, source } = installed;
        if (installedVersion !== null && sha256 !== null && source !== null) emit('binary.installed', { path, version: installedVersion, sha256, source });
        return await binary.find();
      } finally {
        await http.close();
      }
    },
  };
}
