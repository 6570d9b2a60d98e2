import type { DeviceDirectory, ServedAddress } from './directory.js';
import { compare } from './compare.js';
import type { DevicePublishing } from './ports.js';

export interface GuardParts {
  readonly directory: DeviceDirectory;
  readonly publishing: DevicePublishing;
  /** A withdrawal that failed; whoever follows the addresses tries it again. */
  readonly onFailure: (error: unknown) => void;
}

/** Proxmox may say that the MAC is the device's new one. It is not waited for longer than this: the address is served meanwhile. */
const SECOND_LOOK_MS = 1_500;

/**
 * Sees to it that no name leads to somebody else: to be called whenever the leases or what is published changed. It waits
 * for nobody who changes rules. Calls that come while it looks become one look after it.
 */
export function createGuard({ directory, publishing, onFailure }: GuardParts): () => Promise<void> {
  let running: Promise<void> | undefined;
  let again = false;

  const lookOnce = async (): Promise<void> => {
    const suspects = await directory.suspect(atRisk(directory, publishing));
    if (suspects.length === 0) return;
    const sightings = await directory.look([...new Set(suspects.map(({ deviceId }) => deviceId))], { deadlineMs: SECOND_LOOK_MS, served: suspects });
    await withdrawLost(compare({ addresses: [] }, sightings).lost, directory, publishing);
  };
  const run = async (): Promise<void> => {
    do {
      again = false;
      await lookOnce().catch(onFailure);
    } while (again);
  };
  return () => {
    again = true;
    running ??= run().finally(() => {
      running = undefined;
    });
    return running;
  };
}

/** Takes out what is lost, where that is not done already. */
export async function withdrawLost(lost: readonly ServedAddress[], directory: DeviceDirectory, publishing: DevicePublishing): Promise<void> {
  const current = atRisk(directory, publishing);
  const serving = lost.filter((one) => current.some((other) => other.deviceId === one.deviceId && other.address === one.address));
  if (serving.length === 0) return;
  await publishing.withdraw(serving);
  directory.takeBack(serving);
}

/** What is served, and what a change that is under way may be about to serve. */
function atRisk(directory: DeviceDirectory, publishing: DevicePublishing): readonly ServedAddress[] {
  const current = publishing.current();
  const served = current?.addresses ?? [];
  const coming = directory.handedOut().filter((one) => !served.some((other) => other.deviceId === one.deviceId && other.address === one.address));
  return [...served, ...coming];
}
