/** What a parser of user input gives: the value, or one thing wrong with it. `code` is a `Problem` code. */
export type Parsed<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly code: string; readonly message: string };

export const parsed = <T>(value: T): Parsed<T> => ({ ok: true, value });
export const refused = (code: string, message: string): Parsed<never> => ({ ok: false, code, message });

/** Input in an error message: on one line, and not longer than a person reads. */
export function quote(input: string): string {
  const text = input.length > 80 ? `${input.slice(0, 79)}…` : input;
  return JSON.stringify(text).replaceAll(/[\u007f-\u009f\u2028\u2029\p{Cf}\p{Cs}]/gu, (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`);
}
