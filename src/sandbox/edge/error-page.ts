import type { IncomingMessage, ServerResponse } from 'node:http';

/** Cloudflare's own answers, where no origin gives one. */
export const EDGE_ERRORS = {
  noHost: { status: 400, code: 400, text: 'The request names no host.' },
  badConnector: { status: 502, code: 502, text: 'The connector could not reach the service behind it, or gave no answer.' },
  elsewhere: { status: 523, code: 523, text: 'The DNS record of this name leads to no tunnel, and the sandbox reaches nothing else.' },
  noRecord: { status: 530, code: 1016, text: 'There is no DNS record of this name.' },
  noConnector: { status: 530, code: 1033, text: 'The tunnel of this name has no connector now.' },
} as const;

export type EdgeError = (typeof EDGE_ERRORS)[keyof typeof EDGE_ERRORS];

/** A page for browsers, `error code: N` for everybody else, as Cloudflare does. */
export function answerWithError(request: IncomingMessage, response: ServerResponse, error: EdgeError, ray: string): void {
  const asPage = request.headers.accept?.includes('text/html') ?? false;
  const body = asPage ? page(error) : `error code: ${error.code}\n`;
  // What the visitor still sends has nobody to read it.
  request.resume();
  response.writeHead(error.status, {
    'Content-Type': asPage ? 'text/html; charset=UTF-8' : 'text/plain; charset=UTF-8',
    'Content-Length': Buffer.byteLength(body),
    'Cache-Control': 'private, no-store',
    Server: 'cloudflare',
    'CF-Ray': ray,
  });
  response.end(body);
}

const page = ({ code, text }: EdgeError): string =>
  `<!doctype html>\n<html lang="en"><head><title>Error ${code}</title></head><body><h1>Error ${code}</h1><p>${text}</p><p>This is the sandbox's Cloudflare.</p></body></html>\n`;
