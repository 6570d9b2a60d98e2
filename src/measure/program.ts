import { spawn, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { builtFile } from '../host/package-files.js';

const COMMAND_LINE = builtFile('cli/main');
const ERROR_TAIL_CHARACTERS = 4_000;

export type JsonLine = Readonly<Record<string, unknown>>;

/**
 * One run of our own command line as a separate process, as a user would start it. Its standard output is JSON lines.
 * It is in a session of its own: what ends it is whoever started it, and not a Ctrl-C that the terminal sends to all.
 */
export class Program {
  readonly #child: ChildProcess;
  readonly #name: string;
  readonly #lines: JsonLine[] = [];
  readonly #listeners = new Set<() => void>();
  #errors = '';
  #ended: { code: number | null; signal: string | null } | undefined;

  /** Once `signal` is aborted it is told to end, or not started. */
  constructor(args: readonly string[], environment: NodeJS.ProcessEnv, signal?: AbortSignal) {
    signal?.throwIfAborted();
    this.#name = args.find((arg) => !arg.startsWith('-')) ?? 'program';
    this.#child = spawn(process.execPath, [COMMAND_LINE, ...args], { env: environment, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
    const { stdout, stderr } = this.#child;
    if (stdout === null || stderr === null) throw new Error('no pipes to the program');
    createInterface({ input: stdout }).on('line', (line) => {
      if (line.startsWith('{')) this.#lines.push(JSON.parse(line) as JsonLine);
      this.#tell();
    });
    stderr.on('data', (chunk: Buffer) => {
      this.#errors = (this.#errors + chunk.toString()).slice(-ERROR_TAIL_CHARACTERS);
    });
    this.#child.on('error', (error) => (this.#errors += error.message));
    const interrupt = (): void => void this.#child.kill('SIGTERM');
    signal?.addEventListener('abort', interrupt);
    this.#child.on('close', (code, killedBy) => {
      signal?.removeEventListener('abort', interrupt);
      this.#ended = { code, signal: killedBy };
      this.#tell();
    });
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  get lines(): readonly JsonLine[] {
    return this.#lines;
  }

  /** The first line, past or to come, that passes; rejects when the program ends before, or `signal` is aborted. */
  async line(accept: (line: JsonLine) => boolean, signal?: AbortSignal): Promise<JsonLine> {
    return await new Promise((resolve, reject) => {
      const look = (): void => {
        const found = this.#lines.find(accept);
        if (found === undefined && this.#ended === undefined && signal?.aborted !== true) return;
        this.#listeners.delete(look);
        signal?.removeEventListener('abort', look);
        if (found !== undefined) resolve(found);
        else reject(signal?.aborted === true ? signal.reason : this.#failure());
      };
      this.#listeners.add(look);
      signal?.addEventListener('abort', look);
      look();
    });
  }

  /** Resolves at its end with its last line; rejects where its exit code is not 0. */
  async finish(): Promise<JsonLine> {
    await this.#end();
    if (this.#ended?.code !== 0) throw this.#failure();
    return this.#lines.at(-1) ?? {};
  }

  /** SIGTERM, and SIGKILL after `timeoutMs`; resolves when it is gone, and says whether it went by itself. */
  async stop(timeoutMs: number): Promise<boolean> {
    if (this.#ended !== undefined) return true;
    this.#child.kill('SIGTERM');
    let forced = false;
    const timer = setTimeout(() => {
      forced = true;
      this.#child.kill('SIGKILL');
    }, timeoutMs);
    await this.#end();
    clearTimeout(timer);
    return !forced;
  }

  /** SIGKILL; resolves when it is gone. */
  async kill(): Promise<void> {
    if (this.#ended === undefined) this.#child.kill('SIGKILL');
    await this.#end();
  }

  async #end(): Promise<void> {
    await new Promise<void>((resolve) => {
      const look = (): void => {
        if (this.#ended === undefined) return;
        this.#listeners.delete(look);
        resolve();
      };
      this.#listeners.add(look);
      look();
    });
  }

  #tell(): void {
    for (const listener of this.#listeners) listener();
  }

  #failure(): Error {
    const { code, signal } = this.#ended ?? { code: null, signal: null };
    const said = [JSON.stringify(this.#lines.at(-1) ?? ''), this.#errors.trim()].filter((text) => text !== '""' && text !== '').join('\n');
    return new Error(`${this.#name} ended with ${signal ?? `code ${String(code)}`}${said === '' ? '' : `:\n${said}`}`);
  }
}
