import { expect, test } from 'vitest';

import { describeContract } from './programs.js';
import { runToEnd } from './run-to-end.js';
import { Scratch } from './scratch.js';

describeContract('version', (program) => {
  test.for([['--version'], ['-v'], ['-V'], ['version']])('%s is one line on standard output', async (args, context) => {
    const scratch = new Scratch(context);
    const ending = await runToEnd(program, args, scratch.environment());
    expect(ending).toEqual({ code: 0, signal: null, stderr: '', stdout: expect.any(String) as string });
    expect(ending.stdout).toMatch(/^cloudflared version \d{4}\.\d+\.\d+ \(built [^)]+\)\n$/u);
  });

  test.for([[['version', '--short']], [['version', '-s']]])('%s is the number alone', async ([args = []], context) => {
    const ending = await runToEnd(program, args, new Scratch(context).environment());
    expect(ending.code).toBe(0);
    expect(ending.stdout).toMatch(/^\d{4}\.\d+\.\d+\n$/u);
  });

  test('needs no home and no environment', async () => {
    expect((await runToEnd(program, ['--version'], {})).code).toBe(0);
  });

  test('the stand-in says what it is', async () => {
    const { stdout } = await runToEnd(program, ['--version'], {});
    expect(stdout.includes('stand-in')).toBe(!program.isReal);
  });
});
