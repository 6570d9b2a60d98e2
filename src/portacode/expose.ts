import { isDeepStrictEqual } from 'node:util';
import type { Warning } from '../core/dns.js';
import { SupervisorError, toSupervisorError } from '../core/errors.js';
import { parseDestination } from '../core/destination.js';
import type { RuleView } from '../core/status.js';
import { allocateHostnames, belongsTo, exposedPorts, type ExposedPort } from './allocate-hostnames.js';
import { notConfigured } from './failures.js';
import { EXPOSED_SERVICES_FILE, renderExposedServices } from './exposed-services.js';
import { InOrder } from './in-order.js';
import type { PortSpec } from './parse-ports.js';
import type { ContainerFiles } from './pct.js';
import type { ChangeAnswer, ChangeWish, PortacodePorts, StoredRules } from './ports.js';

export interface ExposeWish extends ChangeWish {
  readonly deviceId: string;
  /** All that is to be exposed: what is not in it any more goes. */
  readonly specs: readonly PortSpec[];
}

/** `rules` holds the container's own: what others publish is none of its business. */
export interface ExposeAnswer extends ChangeAnswer {
  readonly deviceId: string;
  readonly domain: string;
  readonly exposed: readonly ExposedPort[];
}

export type Expose = (wish: ExposeWish) => Promise<ExposeAnswer>;

type ExposePorts = Pick<PortacodePorts, 'tunnel' | 'forwarding' | 'devices'>;

/** While it told the container, somebody took the name that it was going to have: allocated anew, and told anew. */
class NamesMoved extends Error {
  override readonly name = 'NamesMoved';
}

const MOST_TRIES = 5;

/**
 * Publishes ports of a container: gives them names, tells the container, changes what is published. A container that
 * cannot be told keeps what it had; where the change fails afterwards, it is told of what it had again.
 */
export function createExpose(ports: ExposePorts, files: ContainerFiles): Expose {
  const inOrder = new InOrder();

  /** `onTold`: called where the container was told something that it did not know. */
  const attempt = async (wish: ExposeWish, onTold: (told: Told) => void): Promise<ExposeAnswer> => {
    const { deviceId, specs } = wish;
    const domain = domainOf(ports);
    const { exposed } = allocateHostnames({ rules: ports.forwarding.current().stored.rules, domain, deviceId, specs });
    const told = wish.dryRun === true ? NOT_TOLD : await tell(wish, exposed);
    if (told !== NOT_TOLD) onTold(told);
    const answer = await ports.forwarding.edit((now) => {
      const allocation = allocateHostnames({ rules: now.rules, domain, deviceId, specs });
      if (!isDeepStrictEqual(allocation.exposed, exposed)) throw new NamesMoved();
      return { rules: allocation.rules, setAside: withoutOwn(now, deviceId, domain) };
    }, wish);
    return { ...answer, rules: ownViews(answer.rules, deviceId), warnings: [...told.warnings, ...ownWarnings(answer, deviceId)], deviceId, domain, exposed };
  };

  const tell = async ({ deviceId, specs }: ExposeWish, exposed: readonly ExposedPort[]): Promise<Told> => {
    try {
      const vmid = await ports.devices.findVmid(deviceId);
      const content = renderExposedServices(deviceId, exposed);
      if ((await files.read(vmid, EXPOSED_SERVICES_FILE)) === content) return NOT_TOLD;
      await files.replace(vmid, EXPOSED_SERVICES_FILE, content);
      return {
        warnings: [],
        // Its failing would hide why the change failed; the container is told again with the next change.
        takeBack: (before) => files.replace(vmid, EXPOSED_SERVICES_FILE, renderExposedServices(deviceId, before)).catch(() => undefined),
      };
    } catch (error) {
      // A container that is being removed cannot be told, and need not be.
      if (specs.length > 0) throw error;
      const { message } = toSupervisorError(error);
      return { ...NOT_TOLD, warnings: [{ code: 'CONTAINER_NOT_TOLD', message: `Device ${deviceId} was not told that nothing of it is published any more: ${message}` }] };
    }
  };

  const attemptUntilSettled = async (wish: ExposeWish): Promise<ExposeAnswer> => {
    let told = NOT_TOLD;
    for (let tries = 1; ; tries += 1) {
      try {
        return await attempt(wish, (now) => void (told = now));
      } catch (error) {
        const hasMoved = error instanceof NamesMoved;
        if (hasMoved && tries < MOST_TRIES) continue;
        // A change that the next start finishes is told of rightly.
        if (hasMoved || toSupervisorError(error).code !== 'DAEMON_STOPPING') await told.takeBack(exposedPorts(ports.forwarding.current().stored.rules, wish.deviceId));
        throw hasMoved ? new SupervisorError('DAEMON_BUSY', `The names of device ${wish.deviceId} were taken by other changes ${MOST_TRIES} times`) : error;
      }
    }
  };

  return (wish) => inOrder.run(wish.deviceId, () => attemptUntilSettled(wish));
}

interface Told {
  readonly warnings: readonly Warning[];
  takeBack(before: readonly ExposedPort[]): Promise<void>;
}

const NOT_TOLD: Told = { warnings: [], takeBack: () => Promise.resolve() };

function domainOf({ tunnel }: ExposePorts): string {
  const domain = tunnel()?.domain;
  if (domain === undefined) throw notConfigured();
  return domain;
}

/** What of the container's was published in another zone once must not come back with that zone. */
const withoutOwn = ({ setAside }: StoredRules, deviceId: string, domain: string): StoredRules['setAside'] => setAside.filter((rule) => !belongsTo(rule, deviceId, domain));

const ownViews = (views: readonly RuleView[], deviceId: string): readonly RuleView[] => views.filter(({ destination }) => isOfDevice(destination, deviceId));

function isOfDevice(text: string, deviceId: string): boolean {
  const parsed = parseDestination(text);
  return parsed.ok && parsed.value.destination.kind === 'device' && parsed.value.destination.deviceId === deviceId;
}

/** Those about other names are for others. */
function ownWarnings({ rules, warnings }: ChangeAnswer, deviceId: string): readonly Warning[] {
  const others = new Set(rules.filter(({ destination }) => !isOfDevice(destination, deviceId)).map(({ hostname }) => hostname));
  return warnings.filter(({ hostname }) => hostname === undefined || !others.has(hostname));
}
