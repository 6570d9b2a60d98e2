/**
 * How a connection came to its end. `unreachable`: no TCP or TLS. `duplicate`: the edge has this connection already.
 * `rejected`: the edge does not want it. `closed`: it was there, or nearly, and is gone. `no-address`: nowhere to dial.
 */
export type ServeFailureKind = 'unreachable' | 'duplicate' | 'rejected' | 'closed' | 'no-address';

export class ServeFailure extends Error {
  override readonly name = 'ServeFailure';
  readonly kind: ServeFailureKind;

  constructor(kind: ServeFailureKind, message: string) {
    super(message);
    this.kind = kind;
  }

  /** Whether the first connection goes on after it; with all others the program ends. */
  get isRetriedByTheFirst(): boolean {
    if (this.kind === 'rejected') return this.message.includes('Unauthorized');
    return this.kind !== 'closed';
  }
}
