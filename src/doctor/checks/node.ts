import { fail, pass, type Check } from '../check.js';

const MINIMUM = [20, 19] as const;

/** The Node that runs us, and that units start the daemon with. */
export function checkNode(version: string = process.versions.node, path: string = process.execPath): Check {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const isNew = major > MINIMUM[0] || (major === MINIMUM[0] && minor >= MINIMUM[1]);
  return isNew ? pass('node', `Node ${version} (${path})`) : fail('node', 'NODE_TOO_OLD', `${path} is Node ${version}; ${MINIMUM.join('.')} or newer is needed.`);
}
