import { printable } from './printable.js';

/** A step of a plan, as the daemon answers it: which further fields there are depends on the kind. */
export interface PlannedStep {
  readonly kind: string;
  readonly [field: string]: unknown;
}

type Fields = Readonly<Record<string, unknown>>;

/** What a step does, in words. A kind that is not known here (a newer daemon's) is shown as it came. */
export function describeStep(step: PlannedStep): string {
  const words = STEPS[step.kind]?.(step);
  return printable(words ?? `${step.kind.replaceAll('-', ' ')} ${JSON.stringify({ ...step, kind: undefined })}`);
}

const STEPS: Readonly<Record<string, (step: Fields) => string>> = {
  'write-revision': (step) => `write revision ${text(step, 'revision')}, of ${text(step, 'rules')} rule(s)`,
  'install-artifacts': () => 'put certificate and credentials in their place',
  'stop-connectors': () => 'stop the connectors',
  'start-connector': (step) => `start a connector on revision ${text(step, 'revision')}`,
  'verify-connector': () => 'see that it is connected, and shows these rules',
  'publish-record': describeRecord,
  'commit-revision': (step) => `make revision ${text(step, 'revision')} the current one`,
  'promote-connector': () => 'keep the new connector alive from now on',
  'kill-connectors': () => 'kill the connectors that lead to an address of somebody else',
  'retire-connectors': () => 'let the connectors before it finish their requests, and end',
  'write-copies': () => "write config.yml and Portacode's state files",
  'drop-revision': (step) => `drop revision ${text(step, 'revision')}`,
  'withdraw-record': describeRecord,
  'forget-artifacts': () => 'remove what the setup had put aside',
  'remove-record': describeRecord,
  'leave-tunnel': (step) => `leave the tunnel ${text(fields(step, 'tunnel'), 'name')} in the account, and its records`,
  'delete-tunnel': (step) => `delete the tunnel ${text(fields(step, 'tunnel'), 'name')}`,
  'remove-artifacts': () => 'remove its certificate, credentials and configuration; the rules are kept',
};

const RECORDS: Readonly<Record<string, (hostname: string, change: Fields) => string>> = {
  'create-record': (hostname) => `make the DNS record of ${hostname}`,
  'update-record': (hostname) => `lead the DNS record of ${hostname} to this tunnel`,
  'take-over-record': (hostname) => `replace the DNS record of ${hostname}, which is not ours`,
  'adopt-record': (hostname) => `keep the DNS record of ${hostname}, which leads here already`,
  'delete-record': (hostname, change) => (isReplacement(change) ? `give ${hostname} back the DNS record that it had before` : `remove the DNS record of ${hostname}`),
  'forget-record': (hostname) => `leave the DNS record of ${hostname} to the other machines of the tunnel`,
};

function describeRecord(step: Fields): string {
  const change = fields(step, 'change');
  const kind = text(change, 'kind');
  return RECORDS[kind]?.(text(change, 'hostname'), change) ?? JSON.stringify(change);
}

function isReplacement(change: Fields): boolean {
  const { previous } = fields(change, 'entry');
  return Array.isArray(previous) && previous.length > 0;
}

function text(of: Fields, name: string): string {
  const value = of[name];
  return typeof value === 'string' || typeof value === 'number' ? String(value) : '';
}

function fields(of: Fields, name: string): Fields {
  const value = of[name];
  return typeof value === 'object' && value !== null ? (value as Fields) : {};
}
