import { inspect } from 'node:util';

const REDACTED = '[redacted]';

/** A secret that prints as `[redacted]` wherever it is printed; `reveal` hands it out on purpose. */
export class Secret {
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
  }

  reveal(): string {
    return this.#value;
  }

  toString(): string {
    return REDACTED;
  }

  toJSON(): string {
    return REDACTED;
  }

  [inspect.custom](): string {
    return REDACTED;
  }
}
