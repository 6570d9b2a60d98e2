import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { makeScratchDirectory } from '../../../src/sandbox/scratch-directory.js';
import { signalPid } from '../../fixtures/signal-pid.js';
import { tempDirectory } from '../../fixtures/temp-directory.js';

const MODULE = new URL('../../../dist/modules/sandbox/scratch-directory.js', import.meta.url).href;

test.skipIf(process.platform !== 'linux')('what a killed sandbox left goes with the next start, and nothing else does', async () => {
  const root = tempDirectory();
  const child = spawn(process.execPath, ['--input-type=module', '-e', `import { makeScratchDirectory } from ${JSON.stringify(MODULE)}; console.log(await makeScratchDirectory(${JSON.stringify(root)})); setInterval(() => {}, 1e6)`], { stdio: ['ignore', 'pipe', 'inherit'] });
  const left = String((await once(child.stdout, 'data'))[0]).trim();
  const own = await makeScratchDirectory(root);
  const other = (name: string, owner?: string): string => {
    const directory = join(root, name);
    mkdirSync(directory);
    if (owner !== undefined) writeFileSync(join(directory, 'owner'), owner);
    return directory;
  };
  const words = readFileSync(join(own, 'owner'), 'utf8').split(' ');
  const staying = [own, other('cloudflared-supervisor-sandbox-container', ['pid:[1]', ...words.slice(1)].join(' ')), other('cloudflared-supervisor-sandbox-new'), other('something-else')];
  const nameless = other('cloudflared-supervisor-sandbox-nameless');
  utimesSync(nameless, 1, 1);
  // The pid of somebody who lives, and began at another time.
  const laterPid = other('cloudflared-supervisor-sandbox-repeated', [...words.slice(0, 3), '1\n'].join(' '));
  const present = (): string[] => readdirSync(root).map((name) => join(root, name)).sort();
  expect(present()).toEqual([...staying, left, nameless, laterPid].sort());

  staying.push(await makeScratchDirectory(root));
  expect(present()).toEqual([...staying, left].sort());
  signalPid(child.pid, 'SIGKILL');
  await once(child, 'exit');
  staying.push(await makeScratchDirectory(root));
  expect(present()).toEqual([...staying].sort());
});
