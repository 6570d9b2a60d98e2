import { styleText } from 'node:util';

/** Tells a person what the demo does; on a terminal with one live line for what is under way. */
export class Narrator {
  readonly #quiet: boolean;
  readonly #live: boolean;

  /** `quiet`: standard output is for JSON; the story goes to standard error then. */
  constructor(quiet: boolean) {
    this.#quiet = quiet;
    this.#live = process.stderr.isTTY;
  }

  say(text: string): void {
    this.#clear();
    this.#write(`${text}\n`);
  }

  /** One step of the story: shown while it goes on, ticked when it held. */
  async step<T>(title: string, run: () => Promise<T>, outcome: (result: T) => string): Promise<T> {
    this.now(`${title} …`);
    const startedAt = performance.now();
    try {
      const result = await run();
      this.say(`${this.#paint('green', '✓')} ${title}: ${outcome(result)} ${this.#paint('dim', `(${seconds(performance.now() - startedAt)})`)}`);
      return result;
    } catch (error) {
      this.say(`${this.#paint('red', '✗')} ${title}`);
      throw error;
    }
  }

  /** Replaces the live line. */
  now(text: string): void {
    if (!this.#live) return;
    process.stderr.write(`\r\u{1b}[K${text.slice(0, Math.max(20, process.stderr.columns - 1))}`);
  }

  #clear(): void {
    if (this.#live) process.stderr.write('\r\u{1b}[K');
  }

  #write(text: string): void {
    (this.#quiet ? process.stderr : process.stdout).write(text);
  }

  #paint(style: 'green' | 'red' | 'dim', text: string): string {
    return (this.#quiet ? process.stderr : process.stdout).isTTY ? styleText(style, text) : text;
  }
}

const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;
