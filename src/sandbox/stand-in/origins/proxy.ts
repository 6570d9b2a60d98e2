import type { TunnelRequest } from '../../edge/connector-side/ports.js';
import type { Header } from '../../edge/ports.js';
import { matchRule } from '../ingress/match-rule.js';
import type { Ingress, Rule } from '../ingress/parse-ingress.js';
import type { Logger } from '../log/logger.js';
import type { Metrics } from '../run/metrics.js';
import { canonicalName } from './headers.js';
import { serveHelloWorld } from './hello-world.js';
import { HttpOrigin, type Outcome } from './http-origin.js';
import { readOriginTrust } from './origin-trust.js';
import { RequestsInFlight } from './requests-in-flight.js';
import { bastionDestination, serveStream } from './stream-origin.js';

const UNREACHABLE = 'Unable to reach the origin service. The service may be down or it may not be responding to traffic from cloudflared';
const TAG_PREFIX = 'Cf-Warp-Tag-';

function decodePath(path: string): string {
  const plain = path.split('?')[0] ?? path;
  try {
    return decodeURIComponent(plain);
  } catch {
    // Escapes that are no UTF-8 are matched as they stand.
    return plain;
  }
}

/** Leads each request to the origin of the first rule that it meets. */
export class Proxy {
  readonly #ingress: Ingress;
  readonly #origins: ReadonlyMap<Rule, HttpOrigin>;
  readonly #tags: readonly Header[];
  readonly #metrics: Metrics;
  readonly #log: Logger;
  readonly #inFlight = new RequestsInFlight();

  private constructor(ingress: Ingress, origins: ReadonlyMap<Rule, HttpOrigin>, tags: readonly Header[], metrics: Metrics, log: Logger) {
    this.#ingress = ingress;
    this.#origins = origins;
    this.#tags = tags;
    this.#metrics = metrics;
    this.#log = log;
  }

  /** Throws a Failure where an origin cannot be prepared (its CA pool cannot be read). */
  static open(ingress: Ingress, tags: readonly (readonly [name: string, value: string])[], metrics: Metrics, log: Logger): Proxy {
    const origins = new Map<Rule, HttpOrigin>();
    for (const rule of ingress.rules) {
      const { service, options } = rule;
      if (service.kind !== 'http' && service.kind !== 'unix') continue;
      const place = service.kind === 'http' ? service : { isSecure: service.isSecure, socketPath: service.path };
      origins.set(rule, new HttpOrigin(place, options, readOriginTrust(service.text, service.isSecure, options)));
    }
    return new Proxy(ingress, origins, tags.map(([name, value]): Header => [canonicalName(`${TAG_PREFIX}${name}`), value]), metrics, log);
  }

  /** Ends what is in flight, save for WebSockets. */
  cutPlainRequests(): void {
    this.#inFlight.cutPlain();
  }

  /** Ends all that is in flight. */
  close(): void {
    this.#inFlight.cutAll();
    for (const origin of this.#origins.values()) origin.close();
  }

  serve(connIndex: number, request: TunnelRequest): void {
    this.#metrics.add('cloudflared_tunnel_total_requests');
    this.#metrics.add('cloudflared_tunnel_concurrent_requests_per_tunnel');
    const tracked = this.#inFlight.track(request, () => this.#metrics.add('cloudflared_tunnel_concurrent_requests_per_tunnel', -1));
    const { rule, index } = matchRule(this.#ingress, request.host, decodePath(request.path));
    const log = this.#log.with({ event: 1, connIndex, originService: rule.service.text, ingressRule: index });
    log.debug(`${request.method} https://${request.host}${request.path} HTTP/1.1`, { host: request.host, path: request.path });
    const outcome: Outcome = {
      answered: (status) => {
        this.#metrics.add('cloudflared_tunnel_response_by_code', 1, { status_code: String(status) });
        log.debug(String(status));
      },
      failed: (reason) => {
        this.#metrics.add('cloudflared_tunnel_request_errors');
        log.error('', { error: `${UNREACHABLE}: ${reason}` });
        this.#log.error('failed to serve incoming request', { error: `Failed to proxy HTTP: ${UNREACHABLE}: ${reason}` });
      },
    };
    this.#lead(tracked, rule, outcome);
  }

  #lead(request: TunnelRequest, rule: Rule, outcome: Outcome): void {
    const { service, options } = rule;
    if (options.access.required === true) {
      // Tokens of Access cannot be checked here, so nobody has a good one.
      outcome.answered(403);
      request.respond(403, []).end();
      return;
    }
    switch (service.kind) {
      case 'http':
      case 'unix':
        this.#origins.get(rule)?.serve(request, [...request.headers, ...this.#tags], outcome);
        return;
      case 'status':
        outcome.answered(service.code);
        // A status below 200 announces another, which never comes: Go then sends 200.
        request.respond(service.code < 200 ? 200 : service.code, []).end();
        return;
      case 'hello-world':
        outcome.answered(serveHelloWorld(request));
        return;
      case 'stream':
      case 'bastion': {
        const place = service.kind === 'stream' ? service : bastionDestination(request.headers);
        if (place !== undefined) serveStream(request, place, options.connectTimeout, outcome);
        else this.#refuse(request, outcome, 'Did not receive final destination from client. The --destination flag is likely not set on the client side');
        return;
      }
      case 'socks-proxy':
        this.#refuse(request, outcome, 'the stand-in speaks no SOCKS');
        return;
    }
  }

  #refuse(request: TunnelRequest, outcome: Outcome, reason: string): void {
    outcome.failed(reason);
    request.fail();
  }
}
