import { invalidField } from './failures.js';
import { isObject, type JsonObject } from './json.js';
import { integerOf, isFalsy, textOf } from './python-text.js';

export type Protocol = 'http' | 'https';

/** A port of a container that is to be published. */
export interface PortSpec {
  readonly port: number;
  readonly protocol: Protocol;
}

const MOST_PORTS = 3;

/** The id of a container's device: digits. @throws SupervisorError REQUEST_INVALID */
export function parseChildDeviceId(value: unknown, field = 'child_device_id'): string {
  const id = textOf(value);
  if (!/^\d{1,20}$/.test(id)) throw invalidField(field, 'child_device_id is required');
  return id;
}

/** `expose_ports` of a message, or `ports` of the control API. @throws SupervisorError REQUEST_INVALID, in Portacode's words */
export function parseExposedPorts(value: unknown, field = 'expose_ports'): readonly PortSpec[] {
  const list = value ?? [];
  if (!Array.isArray(list)) throw invalidField(field, 'expose_ports must be a list');
  const specs = withoutRepeats(list.map((item: unknown) => parsePort(item, field)));
  if (specs.length > MOST_PORTS) throw invalidField(field, `A maximum of ${MOST_PORTS} ports can be exposed`);
  return specs;
}

function parsePort(item: unknown, field: string): PortSpec {
  let protocol: Protocol = 'http';
  let given: unknown = item;
  if (isObject(item)) {
    if (!Object.hasOwn(item, 'port')) throw invalidField(field, 'each expose_ports object must include a port');
    given = item['port'];
    protocol = parseProtocol(item) ?? refuse(field, 'expose_ports protocol must be http or https');
  }
  const port = integerOf(given) ?? refuse(field, 'expose_ports must contain valid integers or {port, protocol} objects');
  if (port < 1 || port > 65_535) throw invalidField(field, 'expose_ports entries must be between 1 and 65535');
  return { port, protocol };
}

/** The rules of `set_container_forwarding_rules`. @throws SupervisorError REQUEST_INVALID, in Portacode's words */
export function parseContainerRules(device: unknown, rules: unknown): { readonly deviceId: string; readonly specs: readonly PortSpec[] } {
  const deviceId = textOf(device);
  if (!/^\d{1,20}$/.test(deviceId)) throw invalidField('device_id', 'container device_id must be a numeric value');
  if (!Array.isArray(rules)) throw invalidField('rules', 'rules must be a list');
  return { deviceId, specs: withoutRepeats(rules.map((rule: unknown) => parseContainerRule(rule))) };
}

function parseContainerRule(rule: unknown): PortSpec {
  if (!isObject(rule)) throw invalidField('rules', 'each container rule must be an object');
  checkSubdomain(textOf(rule['subdomain']).toLowerCase().replace(/\.+$/, ''));
  const protocol = parseProtocol(rule) ?? refuse('rules', 'container rule protocol must be http or https');
  const port = integerOf(rule['port']) ?? refuse('rules', 'each container rule requires a valid integer port');
  if (port < 1 || port > 65_535) throw invalidField('rules', 'container rule ports must be between 1 and 65535');
  return { port, protocol };
}

/** Checked as Portacode does; the name itself is given by what is free, as Portacode does too. */
function checkSubdomain(label: string): void {
  if (label.includes('.')) throw invalidField('rules', 'subdomain must be a single hostname label');
  if (label !== '' && !/^(?:\d+_)?\d+$/.test(label)) throw invalidField('rules', "subdomain must follow '<device_id>' or '<index>_<device_id>' format");
}

function parseProtocol(item: JsonObject): Protocol | undefined {
  const protocol = isFalsy(item['protocol']) ? 'http' : textOf(item['protocol']).toLowerCase();
  return protocol === 'http' || protocol === 'https' ? protocol : undefined;
}

function withoutRepeats(specs: readonly PortSpec[]): readonly PortSpec[] {
  return [...new Map(specs.map((spec) => [`${spec.port}/${spec.protocol}`, spec])).values()];
}

function refuse(field: string, message: string): never {
  throw invalidField(field, message);
}
