import type { FaultTiming } from '../fault-script.js';

/** Scripted trouble of the login. */
export type LoginFault =
  /** Not there, at once, every time: cloudflared gives up after ten polls, within a second. */
  | { readonly kind: 'give-up' }
  /** 503: cloudflared ends with the first. */
  | { readonly kind: 'server-error' }
  /** The connection is reset: cloudflared ends with the first. */
  | { readonly kind: 'reset' }
  /** Nothing comes, though somebody authorises: cloudflared waits 60 s and ends. */
  | { readonly kind: 'never' }
  /** Something comes that is no certificate. */
  | { readonly kind: 'bad-certificate' }
  /** The certificate of another zone than was chosen. */
  | { readonly kind: 'other-zone'; readonly zone: string }
  /** A certificate whose token is not valid any more. */
  | { readonly kind: 'revoked-token' };

/** Counted in logins, when they are first seen: a login keeps its fault. */
export interface LoginFaultRule extends FaultTiming {
  readonly fault: LoginFault;
}
