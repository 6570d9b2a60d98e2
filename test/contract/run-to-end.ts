import { spawn, type ChildProcess } from 'node:child_process';

import type { Program } from './programs.js';

export interface Ending {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

const LIMIT_MS = 25_000;

export const whenEnded = (child: ChildProcess): Promise<Pick<Ending, 'code' | 'signal'>> =>
  new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => resolve({ code, signal }));
  });

/** Runs a command until it ends by itself; one that does not is killed, which the signal then tells. */
export async function runToEnd(program: Program, args: readonly string[], env: Record<string, string>): Promise<Ending> {
  const child = spawn(program.path, [...args], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  const out: Buffer[] = [];
  const error: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => out.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => error.push(chunk));
  const limit = setTimeout(() => child.kill('SIGKILL'), LIMIT_MS);
  try {
    return { ...(await whenEnded(child)), stdout: Buffer.concat(out).toString(), stderr: Buffer.concat(error).toString() };
  } finally {
    clearTimeout(limit);
  }
}

/** The last line of what it said on standard error, which is where the reason of a failure is. */
export const lastLine = (ending: Ending): string => ending.stderr.trimEnd().split('\n').at(-1) ?? '';
