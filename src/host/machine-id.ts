import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';

const MACHINE_ID_FILES = ['/etc/machine-id', '/var/lib/dbus/machine-id'] as const;

/**
 * Six hex digits that tell this machine from another of the same host name. A hash, since the machine id itself is
 * not to be shown to others (machine-id(5)). Where there is none (most containers) the host name must do.
 */
export function machineTag(files: readonly string[] = MACHINE_ID_FILES, fallback: string = hostname()): string {
  return createHash('sha256').update(`cloudflared-supervisor:${readMachineId(files) ?? fallback}`).digest('hex').slice(0, 6);
}

function readMachineId(files: readonly string[]): string | undefined {
  for (const file of files) {
    try {
      const id = readFileSync(file, 'utf8').trim();
      // In images the file may be empty or say "uninitialized".
      if (/^[0-9a-f]{32}$/i.test(id)) return id;
    } catch {
      continue; // Not there: the next one may be.
    }
  }
  return undefined;
}
