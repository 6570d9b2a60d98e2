import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

const ALONE = ['integration/**/*.test.ts', 'contract/**/*.test.ts'];

/** Begun last, it would be waited for alone. */
const LONGEST = 'daemon/crash.test.ts';

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const isLongest = ({ moduleId }: TestSpecification): number => Number(moduleId.endsWith(LONGEST));
    return (await super.sort(files)).toSorted((a, b) => isLongest(b) - isLongest(a));
  }
}

export default defineConfig({
  test: {
    root: import.meta.dirname,
    pool: 'forks',
    // Most of a test's time goes by in waiting for other processes.
    maxWorkers: 4,
    sequence: { sequencer: LongestFirst },
    // Shared machines stall for seconds; what fails three times in a row has failed.
    retry: process.env['CI'] === undefined ? 0 : 2,
    testTimeout: 30_000,
    hookTimeout: 30_000,
    expect: { poll: { timeout: 10_000, interval: 20 } },
    reporters: ['default'],
    projects: [
      // What has processes and sockets of its own gets a fresh process; the others share one, and are spared its start.
      { extends: true, test: { name: 'alone', include: ALONE, isolate: false } },
      { extends: true, test: { name: 'together', include: ['**/*.test.ts'], exclude: [...ALONE, 'system/**'], isolate: false } },
    ],
  },
});
