import { open } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { SupervisorError } from '../core/errors.js';
import { judgeVersionRun, VERSION_TIMEOUT_MS, type Binary } from '../cloudflared/find.js';
import { findUser } from '../host/passwd.js';
import { runProgram, type ProgramResult } from '../host/run-program.js';

/** As whom root runs what it has just downloaded. */
const NOBODY = 65_534;
/** What it is given as its first descriptor after the standard ones. */
const DESCRIPTOR_PATH = '/proc/self/fd/3';
/** A child of ours that is being started at this very moment may still have the file open for writing. */
const BUSY_ATTEMPTS = 5;

/**
 * Runs `--version` of a program that was not run before: as the user that we are, or, where that is root, as nobody.
 * @throws SupervisorError BINARY_NOT_EXECUTABLE, BINARY_UNUSABLE, BINARY_TOO_OLD, PROCESS_LIMIT
 */
export async function runOnce(path: string, env: Readonly<Record<string, string>>): Promise<Binary> {
  const run = process.geteuid?.() === 0 ? runAsNobody : runAsOurselves;
  let result = await run(path, env);
  for (let attempt = 1; result.startError === 'ETXTBSY' && attempt < BUSY_ATTEMPTS; attempt += 1) result = await run(path, env);
  // It was made executable, and its header is right: what forbids it is not in the file.
  if (result.startError === 'EACCES' || result.startError === 'EPERM') throw new SupervisorError('BINARY_NOT_EXECUTABLE', `${path} may not be run (${result.startError}): its file system or a policy of this machine forbids it.`);
  const binary = judgeVersionRun(path, result);
  if (binary instanceof SupervisorError) throw binary;
  return binary;
}

const runAsOurselves = (path: string, env: Readonly<Record<string, string>>): Promise<ProgramResult> => runProgram([path, '--version'], { env, timeoutMs: VERSION_TIMEOUT_MS });

/** By its descriptor: root keeps its files where nobody else may go. */
async function runAsNobody(path: string, env: Readonly<Record<string, string>>): Promise<ProgramResult> {
  const { uid, gid } = findUser('nobody') ?? { uid: NOBODY, gid: NOBODY };
  const as = { env: { ...env, HOME: '/' }, timeoutMs: VERSION_TIMEOUT_MS, runAs: { uid, gid } };
  if (!existsSync('/proc/self/fd')) return await runProgram([path, '--version'], as);
  const file = await open(path, 'r');
  try {
    return await runProgram([DESCRIPTOR_PATH, '--version'], { ...as, descriptors: [file.fd] });
  } finally {
    await file.close();
  }
}
