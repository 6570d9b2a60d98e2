import { describe, expect, test } from 'vitest';
import { warnOfDeepHostnames } from '../../../src/forwarding/certificate-reach.js';
import { startSupervisor, World } from './world.js';

const ZONE = 'example.com';

describe('names that a visitor\'s browser may refuse', () => {
  test.each(['example.com', 'app.example.com', '*.example.com', 'a.b.other.org'])('%s is covered, or none of this zone', (hostname) => {
    expect(warnOfDeepHostnames([hostname], ZONE)).toEqual([]);
  });

  test.each(['a.b.example.com', '*.b.example.com', 'a.b.c.example.com'])('%s is said', (hostname) => {
    expect(warnOfDeepHostnames(['app.example.com', hostname], ZONE)).toMatchObject([{ code: 'HOSTNAME_TOO_DEEP', hostname, message: expect.stringContaining(`${hostname} lies more than one label below example.com`) as string }]);
  });

  test('many are one warning', () => {
    const [warning, ...others] = warnOfDeepHostnames(Array.from({ length: 1000 }, (_, index) => `a${index}.b.example.com`), ZONE);
    expect(others).toEqual([]);
    expect(warning?.message).toContain('a4.b.example.com and 995 more lie ');
    expect(warning?.message.length).toBeLessThan(500);
  });

  test('are named in the answer to the change that publishes them, and not again', async () => {
    const { writer } = startSupervisor(new World());
    const add = async (hostname: string) => writer.submit({ kind: 'edit', edit: ({ rules, setAside }) => ({ rules: [...rules, { hostname, destination: 'http://localhost:1' }], setAside }) }, { reason: 'user' });
    expect(await add('a.b.example.com')).toMatchObject({ outcome: 'applied', warnings: [{ code: 'HOSTNAME_TOO_DEEP', hostname: 'a.b.example.com' }] });
    expect(await add('app.example.com')).toMatchObject({ outcome: 'applied', warnings: [] });
  });
});
