import type { ExposedPort } from './allocate-hostnames.js';
import { toIndentedJson } from './json.js';

/** Where a container finds what of it is published; Portacode's guest looks at it every two seconds. */
export const EXPOSED_SERVICES_FILE = '/etc/portacode/exposed_services.json';

/** What stands in it. */
export const renderExposedServices = (deviceId: string, exposed: readonly ExposedPort[]): string =>
  toIndentedJson({ device_id: deviceId, exposed_services: exposed.map(({ port, protocol, hostname, url }) => ({ port, protocol, hostname, url })) });
