import { readFile } from 'node:fs/promises';

const DIRECTORY = new URL('../../init-scripts/', import.meta.url);

/** The files of init-scripts/, which the package brings along. */
export type InitFileName = 'systemd-system.service' | 'systemd-user.service' | 'openrc.sh' | `hardening-${string}.conf`;

export const readInitFile = (name: InitFileName): Promise<string> => readFile(new URL(name, DIRECTORY), 'utf8');
