/** The bytes are no Cap'n Proto that we accept. The only thing the reading side throws. */
export class CapnpError extends Error {
  override readonly name = 'CapnpError';
}
