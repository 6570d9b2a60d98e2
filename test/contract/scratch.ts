import { chmodSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import type { TestContext } from 'vitest';

/** A private directory for one test, with a home in it, removed after the test. */
export class Scratch {
  readonly directory: string;

  constructor({ onTestFinished }: Pick<TestContext, 'onTestFinished'>) {
    this.directory = realpathSync(mkdtempSync(join(tmpdir(), 'supervisor-contract-')));
    mkdirSync(this.home);
    onTestFinished(() => rmSync(this.directory, { recursive: true, force: true }));
  }

  get home(): string {
    return join(this.directory, 'home');
  }

  /** Writes a file below the directory, and returns its path. */
  write(name: string, text: string, mode = 0o600): string {
    const path = join(this.directory, name);
    mkdirSync(join(path, '..'), { recursive: true });
    writeFileSync(path, text);
    chmodSync(path, mode);
    return path;
  }

  /** What a supervisor gives its children: nothing of the test's own environment, and a PATH with nothing on it. */
  environment(extra: Readonly<Record<string, string>> = {}): Record<string, string> {
    return { PATH: join(this.directory, 'no-programs'), HOME: this.home, LANG: 'C.UTF-8', TZ: 'UTC', ...extra };
  }
}
