import { quote } from '../core/parsed.js';
import { SupervisorError } from '../core/errors.js';
import type { NameSource } from './ports.js';

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const LONGEST = 100;

/** The given name, else the recorded one (ours or Portacode's), else one that tells this machine from others. */
export function chooseTunnelName(given: string | undefined, source: NameSource): string {
  if (given !== undefined) return checkTunnelName(given);
  const { recordedName } = source;
  if (recordedName !== undefined && describeProblem(recordedName) === undefined) return recordedName;
  return defaultTunnelName(source);
}

/** The name as it is used. Throws OPTION_INVALID. */
export function checkTunnelName(given: string): string {
  const name = given.trim();
  const problem = describeProblem(name);
  if (problem !== undefined) throw new SupervisorError('OPTION_INVALID', `The tunnel name ${quote(given)} ${problem}.`, { problems: [{ field: 'name', code: 'NAME_INVALID', message: problem }] });
  return name;
}

function describeProblem(name: string): string | undefined {
  if (name === '') return 'is empty';
  if (name.length > LONGEST) return `is longer than ${LONGEST} characters`;
  if (/\p{Cc}|\p{Cf}|\p{Cs}/u.test(name)) return 'has control characters';
  // Wherever a tunnel is named, a UUID is taken for its id.
  if (UUID.test(name)) return 'is a UUID';
  return undefined;
}

/** `supervisor-<hostname>-<6 hex of the machine>`. */
function defaultTunnelName({ hostname, machineTag }: NameSource): string {
  const host = (hostname.split('.')[0] ?? '').toLowerCase().replaceAll(/[^a-z0-9-]+/g, '-').replaceAll(/^-+|-+$/g, '').slice(0, 63);
  return `supervisor-${host || 'host'}-${machineTag}`;
}
