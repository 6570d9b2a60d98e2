import { defineConfig } from 'vitest/config';

/** Whole machines: real users, real init systems. As root; what this machine cannot do is skipped, with the reason. */
export default defineConfig({
  test: {
    root: import.meta.dirname,
    include: ['system/**/*.test.ts'],
    globalSetup: ['system/machine/prepare-run.ts'],
    pool: 'forks',
    // Shared machines stall for seconds; what fails three times in a row has failed.
    retry: process.env['CI'] === undefined ? 0 : 2,
    maxWorkers: 2,
    testTimeout: 90_000,
    hookTimeout: 330_000,
    reporters: ['default'],
  },
});
