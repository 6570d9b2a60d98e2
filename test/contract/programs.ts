import { randomUUID } from 'node:crypto';
import { accessSync, constants, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { env } from 'node:process';

import { afterAll, beforeAll, describe } from 'vitest';

import { writeStandIn } from '../../src/sandbox/stand-in/install.js';

/** A cloudflared that is held to the contract. */
export interface Program {
  readonly name: string;
  readonly path: string;
  readonly isReal: boolean;
}

/** The real program where the environment names one. */
const REAL = env['CLOUDFLARED_SUPERVISOR_CLOUDFLARED'] ?? '';
if (REAL !== '') accessSync(REAL, constants.X_OK);
const KINDS = REAL === '' ? ['stand-in'] : ['stand-in', 'real cloudflared'];

/** The program of a kind, there for the tests that are about to be described. */
function provide(name: string): Program {
  if (name !== 'stand-in') return { name, path: REAL, isReal: true };
  const directory = join(tmpdir(), `supervisor-contract-${randomUUID()}`);
  beforeAll(async () => void (await writeStandIn(directory)));
  afterAll(() => rmSync(directory, { recursive: true, force: true }));
  return { name, path: join(directory, 'cloudflared'), isReal: false };
}

/** The same tests for the stand-in, and for the real program where the environment names one. They run side by side. */
export function describeContract(title: string, body: (program: Program) => void): void {
  describe.concurrent.each(KINDS)(`${title}: %s`, (name) => body(provide(name)));
}

/** For what cannot run side by side. */
export function describeContractInOrder(title: string, body: (program: Program) => void): void {
  describe.sequential.each(KINDS)(`${title}: %s`, (name) => body(provide(name)));
}
