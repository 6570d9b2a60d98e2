const PREFIX = 'portacode-proxmox-';

/** Portacode's name for the tunnel of a device. `deviceId` is not empty. */
export function tunnelNameOf(deviceId: string): string {
  const id = deviceId.trim().replaceAll(/[^A-Za-z0-9-]+/g, '-').replaceAll(/^-+|-+$/g, '').toLowerCase();
  return PREFIX + (id || 'device');
}

/** The device that a tunnel is named after; undefined for a tunnel of any other name. */
export const deviceOfTunnel = (tunnelName: string): string | undefined =>
  tunnelName.startsWith(PREFIX) && tunnelName.length > PREFIX.length ? tunnelName.slice(PREFIX.length) : undefined;
