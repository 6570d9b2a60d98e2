import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { AnswerOf } from '../../../src/api/client.js';
import type { ErrorBody } from '../../../src/core/errors.js';
import type { ImportReport } from '../../../src/import/report.js';
import type { Rig } from '../daemon/rig.js';

const COMMAND_LINE = fileURLToPath(new URL('../../../dist/cli/main.js', import.meta.url));

export interface Said {
  readonly exitCode: number;
  readonly report: ImportReport;
  readonly imported: AnswerOf<'importTunnel'> | undefined;
  readonly retired: { readonly ended: readonly number[]; readonly restarted: readonly number[]; readonly undo: readonly string[]; readonly warnings: readonly { readonly code: string }[] } | undefined;
  readonly error: ErrorBody | undefined;
  /** Everything, as it was written. */
  readonly text: string;
}

/** `import --json` with these further words. */
export async function runImport(rig: Pick<Rig, 'baseDir' | 'directory'>, words: readonly string[]): Promise<Said> {
  const { exitCode, stdout } = await runCommand(rig, ['import', '--json', ...words]);
  const lines = stdout.split('\n').filter((line) => line !== '').map((line) => JSON.parse(line) as Readonly<Record<string, unknown>>);
  const find = (key: string): unknown => lines.find((line) => key in line)?.[key];
  return {
    exitCode, text: stdout,
    report: find('report') as ImportReport,
    imported: find('imported') as Said['imported'],
    retired: find('retired') as Said['retired'],
    error: lines.find((line) => 'code' in line) as unknown as Said['error'],
  };
}

export async function runCommand({ baseDir, directory }: Pick<Rig, 'baseDir' | 'directory'>, words: readonly string[]): Promise<{ readonly exitCode: number; readonly stdout: string; readonly stderr: string }> {
  return await new Promise((resolve) => {
    execFile(process.execPath, [COMMAND_LINE, ...words, '--base-dir', baseDir, '--state-dir', `${directory}/state`], { env: { PATH: process.env['PATH'], HOME: '/nonexistent' } }, (error, stdout, stderr) => {
      resolve({ exitCode: error === null ? 0 : Number(error.code), stdout, stderr });
    });
  });
}
