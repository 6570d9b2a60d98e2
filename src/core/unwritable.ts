/**
 * What no text of a rule may hold: control characters, halves of surrogate pairs, and the two non-characters that
 * cloudflared's reader of YAML refuses. One of them in one rule would make the whole configuration unreadable.
 */
export const UNWRITABLE = /[\p{Cc}\p{Cs}\uFFFE\uFFFF]/u;
