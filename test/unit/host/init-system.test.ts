import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { detectInitSystem } from '../../../src/host/init-system.js';
import { tempDirectory } from '../../fixtures/temp-directory.js';

test.each([
  ['systemd', ['run/systemd/system/x'], 'systemd'],
  ['systemd, with the programs of OpenRC', ['run/systemd/system/x', 'sbin/openrc-run', 'run/openrc/softlevel'], 'systemd'],
  ['systemctl on PATH and nothing running', ['usr/bin/systemctl', 'lib/systemd/systemd'], 'none'],
  ['OpenRC', ['sbin/openrc-run', 'run/openrc/softlevel'], 'openrc'],
  ['OpenRC with a merged /usr', ['usr/sbin/openrc-run', 'run/openrc/softlevel'], 'openrc'],
  ["OpenRC's programs, not booted with it", ['sbin/openrc-run'], 'none'],
  ['a softlevel without the programs', ['run/openrc/softlevel'], 'none'],
  ['nothing', [], 'none'],
])('%s', (_name, files, expected) => {
  const root = tempDirectory();
  for (const file of files) {
    mkdirSync(dirname(join(root, file)), { recursive: true });
    writeFileSync(join(root, file), '');
  }
  expect(detectInitSystem(root)).toBe(expected);
});
