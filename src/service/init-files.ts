import { readFile } from 'node:fs/promises';
import { packageFile } from '../host/package-files.js';

/** The files of init-scripts/, which the package brings along. */
export type InitFileName = 'systemd-system.service' | 'systemd-user.service' | 'openrc.sh' | `hardening-${string}.conf`;

export const readInitFile = (name: InitFileName): Promise<string> => readFile(packageFile('init-scripts', name), 'utf8');
