import type { Emit, EventData, EventType } from '../core/events.js';
import type { SetupStatus } from '../core/status.js';

export const NO_SETUP: SetupStatus = { state: 'none', step: null, loginUrl: null, expiresAt: null, message: null };

/** What the events of a setup make of its status. Pure. */
export function nextSetupStatus<T extends EventType>(status: SetupStatus, type: T, data: EventData[T]): SetupStatus {
  const event = { type, data } as { [K in EventType]: { readonly type: K; readonly data: EventData[K] } }[EventType];
  switch (event.type) {
    case 'setup.step-started':
      return { ...NO_SETUP, state: 'running', step: event.data.step };
    case 'login.url-issued':
      return { ...status, state: 'waiting', loginUrl: event.data.url, expiresAt: event.data.expiresAt };
    case 'setup.step-waiting':
      return { ...status, state: 'waiting', message: event.data.message };
    case 'login.completed':
      return { ...status, state: 'running', loginUrl: null, expiresAt: null, message: null };
    case 'setup.completed':
      return { ...NO_SETUP, state: 'completed', message: `Cloudflare tunnel ready for ${event.data.domain}.` };
    case 'setup.failed':
      return { ...NO_SETUP, state: event.data.error.code === 'SETUP_CANCELLED' ? 'cancelled' : 'failed', step: event.data.step, message: event.data.error.message };
    default:
      return status;
  }
}

/** Passes every event on and keeps the status that they make. */
export function watchStatus(emit: Emit): { readonly emit: Emit; readonly status: () => SetupStatus } {
  let status = NO_SETUP;
  return {
    emit: (type, data) => {
      status = nextSetupStatus(status, type, data);
      emit(type, data);
    },
    status: () => status,
  };
}
