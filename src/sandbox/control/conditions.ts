import type { Condition } from './schemas.js';
import { allFaults, type ControlTarget } from './target.js';

/** Whether a condition holds now. Asked again after every change in the world. */
export function holds(condition: Condition, target: ControlTarget): boolean {
  if (condition.kind === 'login') {
    const { login, state } = condition;
    return target.logins.list().some((entry) => entry.state === state && (login === undefined || login === entry.key || login === entry.url));
  }
  if (condition.kind === 'connections') return connectionsHold(condition, target);
  if (condition.kind === 'record') {
    const { name, type, content, present } = condition;
    const found = target.world.records.named(name).some((record) =>
      (type === undefined || record.type === type) && (content === undefined || record.content === content));
    return found === present;
  }
  if (condition.kind === 'requests') return target.requests.count(condition) >= condition.atLeast;
  return allFaults(target.faults).some((script) => (script.hitsOf(condition.id) ?? -1) >= condition.atLeast);
}

function connectionsHold(condition: Condition & { readonly kind: 'connections' }, { world, edge }: ControlTarget): boolean {
  const wanted = condition.tunnel;
  const ids = wanted === undefined ? undefined : new Set(world.tunnels.list().filter(({ id, name }) => id === wanted || name === wanted).map(({ id }) => id));
  const serving = edge.connections().filter(({ state, tunnelId }) => state === 'serving' && (ids?.has(tunnelId) ?? true));
  const connectors = new Set(serving.map(({ connector }) => connector.connectorId)).size;
  return serving.length >= (condition.atLeast ?? 0) && serving.length <= (condition.atMost ?? Infinity)
    && connectors >= (condition.connectorsAtLeast ?? 0) && connectors <= (condition.connectorsAtMost ?? Infinity);
}
