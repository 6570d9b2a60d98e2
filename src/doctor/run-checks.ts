import { isPromise } from 'node:util/types';
import { checkApi } from './checks/api.js';
import { checkBaseDirectory } from './checks/base-directory.js';
import { checkBinary } from './checks/binary.js';
import { checkCaBundle } from './checks/ca-bundle.js';
import { checkAttention, checkConnector, checkLock, checkSocket } from './checks/daemon.js';
import { checkDisk } from './checks/disk.js';
import { checkEdge } from './checks/edge.js';
import { checkForeign } from './checks/foreign.js';
import { checkInitSystem } from './checks/init-system.js';
import { checkMemory } from './checks/memory.js';
import { checkNode } from './checks/node.js';
import { checkOwnership } from './checks/ownership.js';
import { checkPlatform } from './checks/platform.js';
import { checkNames } from './checks/resolver.js';
import { failWith, type Check } from './check.js';
import type { DoctorScope } from './scope.js';

type Finding = Check | readonly Check[];

/** Every check, in the order of the report: the machine, what is on it, the network, and us. */
const CHECKS: Readonly<Record<string, (scope: DoctorScope) => Finding | Promise<Finding>>> = {
  node: () => checkNode(),
  platform: () => checkPlatform(),
  memory: checkMemory,
  disk: checkDisk,
  'base-directory': checkBaseDirectory,
  'file-owners': checkOwnership,
  cloudflared: checkBinary,
  certificates: ({ environment }) => checkCaBundle({ env: environment }),
  resolver: (scope) => checkNames(scope),
  edge: checkEdge,
  api: (scope) => checkApi(scope),
  service: (scope) => checkInitSystem(scope),
  'other-cloudflared': (scope) => checkForeign(scope),
  lock: checkLock,
  socket: checkSocket,
  connector: checkConnector,
  attention: checkAttention,
};

/**
 * All of them, side by side: several wait for a network. One that throws is a finding too.
 * @throws the reason of the scope's signal, at once
 */
export async function runChecks(scope: DoctorScope): Promise<readonly Check[]> {
  const { signal } = scope;
  signal?.throwIfAborted();
  const looking = Promise.all(Object.entries(CHECKS).map(async ([name, check]) => {
    try {
      const found = check(scope);
      return isPromise(found) ? await found : found;
    } catch (error) {
      return failWith(name, error);
    }
  }));
  const interrupted = new Promise<never>((_resolve, reject) => signal?.addEventListener('abort', () => reject(signal.reason), { once: true }));
  return (await Promise.race([looking, interrupted])).flat();
}
