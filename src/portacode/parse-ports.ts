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

/** What is said of wrong ports, and of which field. */
interface PortWords {
  readonly field: string;
  readonly notList: string;
  readonly noPort: string;
  readonly badProtocol: string;
  readonly notPort: string;
  readonly outOfRange: string;
}

/** Of a message: Portacode's own. */
const IN_MESSAGE: PortWords = {
  field: 'expose_ports',
  notList: 'expose_ports must be a list',
  noPort: 'each expose_ports object must include a port',
  badProtocol: 'expose_ports protocol must be http or https',
  notPort: 'expose_ports must contain valid integers or {port, protocol} objects',
  outOfRange: 'expose_ports entries must be between 1 and 65535',
};

/** Of the control API and the command line. */
export const IN_REQUEST: PortWords = {
  field: 'ports',
  notList: 'ports must be a list',
  noPort: 'each entry must have a port',
  badProtocol: 'the protocol of a port must be http or https',
  notPort: 'a port must be a whole number',
  outOfRange: 'a port must be between 1 and 65535',
};

/** `expose_ports` of a message, or `ports` of the control API. @throws SupervisorError REQUEST_INVALID */
export function parseExposedPorts(value: unknown, words = IN_MESSAGE): readonly PortSpec[] {
  const list = value ?? [];
  if (!Array.isArray(list)) throw invalidField(words.field, words.notList);
  const specs = withoutRepeats(list.map((item: unknown) => parsePort(item, words)));
  if (specs.length > MOST_PORTS) throw invalidField(words.field, `A maximum of ${MOST_PORTS} ports can be exposed`);
  return specs;
}

function parsePort(item: unknown, { field, noPort, badProtocol, notPort, outOfRange }: PortWords): PortSpec {
  let protocol: Protocol = 'http';
  let given: unknown = item;
  if (isObject(item)) {
    if (!Object.hasOwn(item, 'port')) throw invalidField(field, noPort);
    given = item['port'];
    protocol = parseProtocol(item) ?? refuse(field, badProtocol);
  }
  const port = integerOf(given) ?? refuse(field, notPort);
  if (port < 1 || port > 65_535) throw invalidField(field, outOfRange);
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
