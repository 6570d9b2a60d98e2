import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { execa } from 'execa';
import { onTestFinished } from 'vitest';

import type { Envelope } from '../../../src/sandbox/api/envelope.js';
import { startSandbox, type Sandbox, type SandboxOptions } from '../../../src/sandbox/sandbox.js';

/** A sandbox for one test. `cloudflared: null` where the test runs none. */
export async function sandboxForTest(options: SandboxOptions): Promise<Sandbox> {
  const sandbox = await startSandbox(options);
  onTestFinished(() => sandbox.close());
  return sandbox;
}

export async function directoryForTest(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'sandbox-test-'));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

export interface ApiAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Envelope & { readonly result: never };
}

export type ApiCaller = (method: string, path: string, body?: unknown) => Promise<ApiAnswer>;

/** Calls the API with a token of the zone, as a login gives it. */
export function apiCaller(sandbox: Sandbox, zone?: string): ApiCaller {
  const found = sandbox.world.zones.find(zone);
  if (found === undefined) throw new Error(`no zone ${zone ?? ''}`);
  return apiCallerWith(sandbox, `Bearer ${sandbox.world.tokens.issue(found).value}`);
}

export function apiCallerWith(sandbox: Sandbox, authorization: string | undefined): ApiCaller {
  return async (method, path, body) => {
    const response = await fetch(`${sandbox.apiUrl}/${path}`, {
      method,
      headers: authorization === undefined ? {} : { authorization },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    return { status: response.status, headers: response.headers, body: await response.json() as ApiAnswer['body'] };
  };
}

export const codesOf = (answer: ApiAnswer): readonly number[] => answer.body.errors.map(({ code }) => code);

export interface CloudflaredRun {
  readonly exitCode: number;
  /** Both streams. */
  readonly output: string;
}

/** A home for one test, and the cloudflared of the sandbox run in it as a person would by hand. */
export async function cloudflaredForTest(sandbox: Sandbox): Promise<{ readonly home: string; readonly run: (...args: string[]) => Promise<CloudflaredRun> }> {
  const home = await directoryForTest();
  const program = sandbox.cloudflared;
  if (program === undefined) throw new Error('The sandbox has no cloudflared.');
  const run = async (...args: string[]): Promise<CloudflaredRun> => {
    const { exitCode, all } = await execa(program, args, {
      env: { PATH: process.env['PATH'] ?? '', HOME: home, ...sandbox.environment(), ...sandbox.cloudflaredEnvironment() },
      extendEnv: false, reject: false, all: true, stdin: 'ignore',
    });
    return { exitCode: exitCode ?? -1, output: all };
  };
  return { home, run };
}

/** The real cloudflared where the environment names one, else the stand-in. */
export const givenCloudflared = (): Pick<SandboxOptions, 'cloudflared'> => {
  const path = process.env['CLOUDFLARED_SUPERVISOR_CLOUDFLARED'];
  return path === undefined || path === '' ? {} : { cloudflared: path };
};
