/** Ends the program: `message` goes to standard error as its last line, `exitCode` to the parent. */
export class Failure extends Error {
  override readonly name: string = 'Failure';
  readonly exitCode: number;

  constructor(message: string, exitCode = 1) {
    super(message);
    this.exitCode = exitCode;
  }
}

/** Arguments that cannot be: code 255, and the message points at the help of the command. */
export class UsageFailure extends Failure {
  override readonly name = 'UsageFailure';

  constructor(message: string) {
    super(message, 255);
  }
}

export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** Adds what was being done to what went wrong, in the way of Go's wrapped errors. */
export const wrapFailure = (error: unknown, doing: string): Failure => new Failure(`${doing}: ${messageOf(error)}`);
