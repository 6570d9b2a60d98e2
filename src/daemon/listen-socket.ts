import { lstat, unlink } from 'node:fs/promises';
import { connect, type Server } from 'node:net';
import { SupervisorError } from '../core/errors.js';
import { errnoOf, isMissing, toStorageError } from '../host/storage-error.js';

/** Only the owner speaks to it. */
const SOCKET_UMASK = 0o177;

/**
 * Binds the control socket. A socket that a crashed daemon left is replaced; the caller holds the lock, so it cannot
 * be that of another daemon of this base directory, and whoever else serves it is asked first.
 * @throws SupervisorError LOCK_HELD, STORAGE_FAILED, STORAGE_FORBIDDEN
 */
export async function listenOnSocket(server: Server, socketPath: string): Promise<void> {
  try {
    await makeRoom(socketPath);
    await listen(server, socketPath);
  } catch (error) {
    throw toStorageError(error, socketPath, 'serve');
  }
}

async function makeRoom(socketPath: string): Promise<void> {
  const found = await lstat(socketPath).catch((error: unknown) => {
    if (isMissing(error)) return undefined;
    throw error;
  });
  if (found === undefined) return;
  if (!found.isSocket()) throw new SupervisorError('STORAGE_FAILED', `${socketPath} is there and is not a socket`, { hint: 'Remove it, or name another socket with --socket.' });
  if (process.geteuid !== undefined && found.uid !== process.geteuid())
    throw new SupervisorError('STORAGE_FORBIDDEN', `${socketPath} is a socket of somebody else (uid ${found.uid})`, { hint: 'Remove it, or name another socket with --socket.' });
  if (await isServed(socketPath)) throw new SupervisorError('LOCK_HELD', `Another program serves ${socketPath}`, { hint: 'Name another socket with --socket.' });
  await unlink(socketPath);
}

async function listen(server: Server, socketPath: string): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    // The name is made within listen(): from its first moment with these rights.
    const before = process.umask(SOCKET_UMASK);
    try {
      server.listen(socketPath, () => {
        server.off('error', reject);
        resolve();
      });
    } finally {
      process.umask(before);
    }
  });
}

function isServed(socketPath: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect(socketPath);
    probe.once('connect', () => {
      probe.destroy();
      resolve(true);
    });
    // Anything but a refusal says that there is somebody, who has no time or does not want us.
    probe.once('error', (error) => resolve(errnoOf(error) !== 'ECONNREFUSED'));
  });
}
