import { describe, expect, test } from 'vitest';
import { watchProgram } from '../../../src/cloudflared/terminal.js';
import { readProcess } from '../../../src/host/process-table.js';

const hasPty = await import('node-pty').then(() => true, () => false);

describe.each(['pty', 'pipes'] as const)('a program on %s', (kind) => {
  test.skipIf(kind === 'pty' && !hasPty)('is ended at any moment, the one after its start too', async () => {
    for (let count = 0; count < 40; count += 1) {
      // Longer than this test may take.
      const program = await watchProgram({ command: ['/bin/sleep', '600'], env: {}, cwd: '/', onText: () => undefined }, kind);
      program.kill();
      await program.ended;
      expect(readProcess(program.pid)).toBeUndefined();
    }
  });
});
