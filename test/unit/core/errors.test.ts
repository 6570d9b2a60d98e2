import { expect, test } from 'vitest';
import { ERRORS } from '../../../src/core/errors.js';

test('whoever was refused because Cloudflare is away is not told that it is tried again: nothing is', () => {
  for (const code of ['CLOUDFLARE_UNREACHABLE', 'CLOUDFLARE_THROTTLED', 'CLOUDFLARE_REFUSED', 'CLOUDFLARE_UNEXPECTED'] as const) expect(ERRORS[code].hint).not.toMatch(/it is tried again/i);
});
