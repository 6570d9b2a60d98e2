import { holds } from './conditions.js';
import { ControlRefusal, type ControlRoute } from './route.js';
import { faultRequest, rateLimitRequest, waitRequest, type FaultRequest } from './schemas.js';
import { allFaults, type SandboxFaults } from './target.js';

/** Faults, limits, the log and waiting: what a test does that nobody does at Cloudflare. */
export const SCRIPT_ROUTES: readonly ControlRoute[] = [
  {
    method: 'GET', path: 'faults',
    answer: ({ target: { faults } }) => ({ api: faults.api.list(), login: faults.login.list(), edge: faults.edge.list() }),
  },
  { method: 'POST', path: 'faults', answer: (call) => ({ id: addFault(call.target.faults, call.body(faultRequest)) }) },
  {
    method: 'DELETE', path: 'faults',
    answer: ({ target }) => {
      for (const script of allFaults(target.faults)) script.remove();
    },
  },
  {
    method: 'DELETE', path: 'faults/:fault',
    answer: (call) => {
      const removed = allFaults(call.target.faults).some((script) => script.remove(call.param('fault')));
      if (!removed) throw new ControlRefusal(404, 'There is no such fault.');
    },
  },
  {
    method: 'PUT', path: 'rate-limit',
    answer: (call) => call.target.rateLimit.set(call.body(rateLimitRequest) ?? undefined),
  },
  {
    method: 'GET', path: 'requests',
    answer: ({ target, query }) => target.requests.list({ method: query.get('method') ?? undefined, path: query.get('path') ?? undefined }),
  },
  { method: 'DELETE', path: 'requests', answer: ({ target }) => target.requests.clear() },
  {
    method: 'POST', path: 'wait',
    answer: async (call) => {
      const { condition, timeoutMs } = call.body(waitRequest);
      const met = await call.target.world.changes.wait(() => (holds(condition, call.target) ? true : undefined), timeoutMs, call.signal);
      return { met: met ?? false };
    },
  },
];

function addFault(faults: SandboxFaults, request: FaultRequest): string {
  if (request.on === 'api') return faults.api.add(withoutTarget(request));
  if (request.on === 'login') return faults.login.add(withoutTarget(request));
  return faults.edge.add(withoutTarget(request));
}

function withoutTarget<T extends { readonly on: string }>({ on: _on, ...rule }: T): Omit<T, 'on'> {
  return rule;
}
