import { expect, test } from 'vitest';
import { ERRORS, toSupervisorError } from '../../../src/core/errors.js';

test('whoever was refused because Cloudflare is away is not told that it is tried again: nothing is', () => {
  for (const code of ['CLOUDFLARE_UNREACHABLE', 'CLOUDFLARE_THROTTLED', 'CLOUDFLARE_REFUSED', 'CLOUDFLARE_UNEXPECTED'] as const) expect(ERRORS[code].hint).not.toMatch(/it is tried again/i);
});

test('a part that cannot be loaded any more was replaced, and another error of Node is nobody’s', async () => {
  const url = 'file:///nonexistent/part.mjs';
  expect(toSupervisorError(await import(/* @vite-ignore */ url).catch((error: unknown) => error))).toMatchObject({ code: 'PROGRAM_REPLACED', message: expect.stringContaining('part.mjs') as string });
  expect(toSupervisorError(Object.assign(new Error('no'), { code: 'ERR_INVALID_ARG_VALUE' }))).toMatchObject({ code: 'INTERNAL_FAULT', message: 'no' });
});
