import { join } from 'node:path';
import { parseDestination } from '../core/destination.js';
import { SupervisorError } from '../core/errors.js';
import type { Emit } from '../core/events.js';
import type { Revision } from '../core/revision.js';
import type { ForwardingRule } from '../core/rule.js';
import type { RuleView } from '../core/status.js';
import { createAddressBook, type AddressBook } from '../devices/address-book.js';
import { createContainerFinder } from '../devices/container-finder.js';
import { createDeviceDirectory, type DeviceDirectory } from '../devices/directory.js';
import { createLeaseFile, DEFAULT_LEASE_FILE, type LeaseFile } from '../devices/lease-file.js';
import type { DevicePublishing, PublishedDevices } from '../devices/ports.js';
import { createProxmoxConnection } from '../devices/proxmox/connection.js';
import type { DnsRecords } from '../forwarding/ports.js';
import type { ForwardingWriter } from '../forwarding/writer.js';
import type { State } from './open-state.js';
import type { ProcessContext } from './process-context.js';
import { projectRules } from './status.js';

/** Who knows which device has which address. Nothing is read, loaded or asked before a rule leads to a device. */
export interface DeviceParts {
  readonly directory: DeviceDirectory;
  readonly book: AddressBook;
  readonly leaseFile: LeaseFile;
  readonly close: () => Promise<void>;
}

export function createDeviceParts(context: ProcessContext, state: Pick<State, 'revisions'>, emit: Emit): DeviceParts {
  const { clock, environment, logger, options, places, redactor } = context;
  const proxmox = createProxmoxConnection({
    path: join(places.stateDir, 'proxmox_infra.json'),
    trust: { caFile: options.proxmoxCa, fingerprint: options.proxmoxFingerprint },
    env: environment, clock, emit, redactor,
  });
  const book = createAddressBook({ path: places.paths.addressesDocument, recorded: () => state.revisions.current()?.addresses ?? [], emit, clock, logger });
  const finder = createContainerFinder({ proxmox, recordsDirectory: join(places.stateDir, 'containers'), clock });
  const leaseFile = createLeaseFile(options.leaseFile ?? DEFAULT_LEASE_FILE, clock);
  return { book, leaseFile, directory: createDeviceDirectory({ book, finder, leaseFile, clock }), close: () => proxmox.close() };
}

/** What the devices see of the one writer. */
export function createDevicePublishing(writer: ForwardingWriter, state: Pick<State, 'revisions' | 'tunnel'>, dns: Pick<DnsRecords, 'stateOf'>): DevicePublishing {
  let seen: { readonly revision: Revision; readonly devices: PublishedDevices } | undefined;
  return {
    current: () => {
      const revision = state.tunnel() === undefined ? undefined : state.revisions.current();
      if (revision === undefined) return undefined;
      if (seen?.revision !== revision) seen = { revision, devices: toDevices(revision) };
      return seen.devices;
    },
    answer: () => ({ outcome: 'unchanged', revision: state.revisions.current()?.revision ?? 0, rules: projectRules(state.revisions.current(), state.tunnel(), (name) => dns.stateOf(name)), warnings: [] }),
    refresh: () => writer.submit({ kind: 'refresh' }, { reason: 'device' }),
    withdraw: async (addresses) => {
      await writer.withdraw(addresses, 'device');
    },
    removeDevices: (deviceIds) => {
      const isOther = ({ destination }: ForwardingRule): boolean => !deviceIds.includes(deviceOf(destination) ?? '');
      return writer.submit({ kind: 'edit', edit: ({ rules, setAside }) => ({ rules: rules.filter(isOther), setAside: setAside.filter(isOther) }) }, { reason: 'device' });
    },
  };
}

const toDevices = ({ revision, rules, addresses }: Revision): PublishedDevices => ({
  revision,
  addresses,
  deviceIds: [...new Set(rules.flatMap(({ rule }) => deviceOf(rule.destination) ?? []))],
});

/** `field`: where the id stands in the request. @throws SupervisorError REQUEST_INVALID */
export function requireDeviceId(id: string, field: string): string {
  if (/^\d{1,20}$/.test(id)) return id;
  throw new SupervisorError('REQUEST_INVALID', `${JSON.stringify(id.slice(0, 60))} is no device: its id is a number`, { problems: [{ field, code: 'FIELD_INVALID', message: 'must be the number of a device' }] });
}

/** Those that lead to one device. */
export const ofDevice = (views: readonly RuleView[], deviceId: string): readonly RuleView[] => views.filter(({ destination }) => deviceOf(destination) === deviceId);

function deviceOf(text: string): string | undefined {
  const parsed = parseDestination(text);
  return parsed.ok && parsed.value.destination.kind === 'device' ? parsed.value.destination.deviceId : undefined;
}
