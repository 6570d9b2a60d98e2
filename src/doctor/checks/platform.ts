import { note, pass, type Check } from '../check.js';

/** What this program is tested on. */
export function checkPlatform(os: string = process.platform, cpu: string = process.arch): Check {
  if (os === 'linux' && (cpu === 'x64' || cpu === 'arm64')) return pass('platform', `${os} on ${cpu}`);
  return note('platform', 'PLATFORM_UNTESTED', `${os} on ${cpu} is not tested.`, 'Linux on x64 or arm64 is.');
}
