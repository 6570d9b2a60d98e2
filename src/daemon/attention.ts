import { ERRORS, type ErrorBody, type ErrorCode } from '../core/errors.js';
import type { SupervisorEvent } from '../core/events.js';
import type { Attention } from '../core/status.js';

/**
 * What happened that a person should look at, by what it is about: a later event about the same thing replaces or ends
 * it. What can be seen of the state itself (a connector that fails, a rule without an address) is not in here.
 */
export type AttentionState = ReadonlyMap<string, Attention>;

export const NO_ATTENTION: AttentionState = new Map();

/** Pure: what an event changes of what a person should look at. */
export function attend(state: AttentionState, event: SupervisorEvent): AttentionState {
  switch (event.type) {
    case 'daemon.warned':
      return raise(state, `warned ${event.data.code} ${event.data.hostname ?? ''}`, toAttention(event.data.code, event.data.message));
    case 'setup.failed':
      return event.data.error.code === 'SETUP_CANCELLED' ? state : raise(state, 'setup', event.data.error);
    case 'setup.step-started':
    case 'setup.completed':
      return clear(state, (about) => about === 'setup');
    case 'forwarding.rolled-back':
      return event.data.undoFailures.reduce((raised, failure, index) => raise(raised, `undo ${index}`, failure), state);
    case 'forwarding.applied':
      // Whatever a failed undo left, what is published is right again.
      return clear(state, (about) => about.startsWith('undo ') || about === 'journal');
    case 'dns.drifted':
      return event.data.repaired ? clearName(state, event.data.hostname) : raise(state, `dns ${event.data.hostname}`, toAttention('DNS_CONFLICT', `${event.data.hostname}: ${event.data.problem}`));
    case 'dns.created':
    case 'dns.updated':
    case 'dns.taken-over':
    case 'dns.removed':
    case 'dns.restored':
    case 'dns.settled':
      return clearName(state, event.data.hostname);
    case 'document.restored':
      return raise(state, `document ${event.data.file}`, toAttention('DOCUMENT_CORRUPT', `${event.data.file}: ${event.data.problem}; it stands beside it as ${event.data.setAsideAs}`));
    case 'copy.edited':
      return event.data.outcome === 'applied' ? state : raise(state, `copy ${event.data.file}`, toAttention('FORWARDING_INVALID', event.data.message, 'Correct the file that was set aside and put it in place again before a restart, or use `forward set`.'));
    case 'copy.failed':
      return raise(state, `unwritten ${event.data.message}`, toAttention(event.data.code, event.data.message));
    case 'copy.restored':
      return clear(state, (about) => about.startsWith('unwritten '));
    case 'journal.recovered':
      return event.data.outcome === 'failed' ? raise(state, 'journal', toAttention('ROLLBACK_FAILED', event.data.message, `The next start tries again. To have no part of it tried any more, move journal/${event.data.change}.jsonl out of the base directory.`)) : clear(state, (about) => about === 'journal');
    default:
      return state;
  }
}

function raise(state: AttentionState, about: string, { code, message, hint }: Attention | ErrorBody): AttentionState {
  return new Map(state).set(about, { code, message, hint });
}

function clear(state: AttentionState, matches: (about: string) => boolean): AttentionState {
  if (![...state.keys()].some(matches)) return state;
  return new Map([...state].filter(([about]) => !matches(about)));
}

/** A record of this name is right again, whoever had said that it was not. */
const clearName = (state: AttentionState, hostname: string): AttentionState => clear(state, (about) => about.endsWith(` ${hostname}`));

export function toAttention(code: string, message: string, hint?: string): Attention {
  return { code, message, hint: hint ?? (Object.hasOwn(ERRORS, code) ? ERRORS[code as ErrorCode].hint : '') };
}
