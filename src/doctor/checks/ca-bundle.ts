import { findCaBundle, type CaBundleSearch } from '../../host/ca-bundle.js';
import { readTrustedRoots } from '../../host/certificates.js';
import { failWith, note, pass, type Check } from '../check.js';

const NAME = 'certificates';

/** Whom cloudflared and we trust. */
export async function checkCaBundle(search: CaBundleSearch): Promise<Check> {
  try {
    await readTrustedRoots(search.env);
  } catch (error) {
    return failWith(NAME, error);
  }
  const bundle = findCaBundle(search);
  if (bundle !== undefined) return pass(NAME, `${bundle.path} (${bundle.source === 'environment' ? 'named by the environment' : "the system's"})`);
  return note(NAME, 'CA_BUNDLE_MISSING', "The system has no certificates of authorities; Node's own are given to cloudflared instead.", '`install --prerequisites` installs them by the package manager.');
}
