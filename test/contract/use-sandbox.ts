import { afterAll, beforeAll } from 'vitest';

import { startSandbox, type Sandbox, type SandboxOptions } from '../../src/sandbox/sandbox.js';

/** A sandbox for all tests of a file; each brings a tunnel of its own. */
export function useSandbox(options: SandboxOptions = {}): () => Sandbox {
  let sandbox: Sandbox | undefined;
  beforeAll(async () => {
    sandbox = await startSandbox({ cloudflared: null, ...options });
  });
  afterAll(async () => sandbox?.close());
  return () => {
    if (sandbox === undefined) throw new Error('The sandbox starts before the first test.');
    return sandbox;
  };
}
