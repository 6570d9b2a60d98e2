import type { Warning } from './dns.js';
import type { DeviceAddress } from './rule.js';

/** What a person should know of a device's address; undefined where all is well. */
export function warnOfAddress(deviceId: string, answer: DeviceAddress): Warning | undefined {
  if (answer.kind === 'unresolved') return { code: 'DEVICE_UNRESOLVED', message: `Device ${deviceId} has no address: ${answer.reason}. Its names answer 503.` };
  const { address, source, doubt } = answer;
  const why = doubt === undefined ? '' : ` (${doubt})`;
  if (source === 'last-known') return { code: 'DEVICE_ADDRESS_LAST_KNOWN', message: `Device ${deviceId} cannot be looked up now${why}; its last known address ${address} is used.` };
  return doubt === undefined ? undefined : { code: 'DEVICE_ADDRESS_UNCONFIRMED', message: `Device ${deviceId} cannot be looked up completely now${why}; ${address} is used.` };
}
