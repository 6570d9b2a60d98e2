/**
 * Text of others (a connector's log, an error from elsewhere), for a terminal: what that would obey, escape sequences
 * and changes of the direction of writing, is shown instead. Line breaks and tabs stay.
 */
export const printable = (text: string): string =>
  text.replaceAll(/[^\P{Cc}\n\t]|\p{Bidi_Control}/gu, (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`);
