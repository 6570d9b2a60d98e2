import { accessSync, constants, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { env } from 'node:process';

import { afterAll, describe } from 'vitest';

import { writeStandIn } from '../../src/sandbox/stand-in/install.js';

/** A cloudflared that is held to the contract. */
export interface Program {
  readonly name: string;
  readonly path: string;
  readonly isReal: boolean;
}

const directory = mkdtempSync(join(tmpdir(), 'supervisor-contract-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

async function findPrograms(): Promise<readonly Program[]> {
  const standIn = { name: 'stand-in', path: await writeStandIn(directory), isReal: false };
  const real = env['CLOUDFLARED_SUPERVISOR_CLOUDFLARED'];
  if (real === undefined || real === '') return [standIn];
  accessSync(real, constants.X_OK);
  return [standIn, { name: 'real cloudflared', path: real, isReal: true }];
}

const programs = await findPrograms();

/** The same tests for the stand-in, and for the real program where the environment names one. They run side by side. */
export function describeContract(title: string, body: (program: Program) => void): void {
  describe.concurrent.each(programs.map((program) => ({ ...program })))(`${title}: $name`, body);
}

/** For what cannot run side by side. */
export function describeContractInOrder(title: string, body: (program: Program) => void): void {
  describe.sequential.each(programs.map((program) => ({ ...program })))(`${title}: $name`, body);
}
