import type { TunnelRequest } from '../../edge/connector-side/ports.js';

/** Requests that are being answered. */
export class RequestsInFlight {
  readonly #requests = new Set<TunnelRequest>();

  /** The same request, known from now until its answer is over; then `onEnd` is called. */
  track(request: TunnelRequest, onEnd: () => void): TunnelRequest {
    const end = (): void => {
      if (this.#requests.delete(tracked)) onEnd();
    };
    const tracked: TunnelRequest = {
      ...request,
      respond: (status, headers) => request.respond(status, headers).once('close', end),
      fail: () => {
        request.fail();
        end();
      },
    };
    request.gone.addEventListener('abort', end, { once: true });
    this.#requests.add(tracked);
    return tracked;
  }

  /** Breaks off what is plain HTTP. WebSockets go on: cloudflared waits for them however long they last. */
  cutPlain(): void {
    for (const request of this.#requests) if (request.kind === 'http') request.fail();
  }

  cutAll(): void {
    for (const request of this.#requests) request.fail();
  }
}
