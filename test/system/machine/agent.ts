import { copyFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CLI, NODE } from './machine.js';
import type { Site } from './world.js';

const PROGRAM = '/opt/agent.mjs';
const WRAPPER = '/opt/agent-wrapper.sh';
const BASE = '/home/svc/.cloudflared/supervisor';

/** What the agent, which is root, does for the user that its guests' services run as. */
const UP = `${NODE} ${PROGRAM} ${NODE} ${CLI} up --user svc`;

/** As Portacode's installer writes it for systemd: no KillMode, so that whatever it starts goes with it. */
const systemdUnit = (environment: Readonly<Record<string, string>>): string => `[Unit]
Description=Stands in for the Portacode agent
After=network.target

[Service]
Type=simple
Environment=PORTACODE_SERVICE_USER=root
Environment=PORTACODE_DEFAULT_RUNTIME_USER=svc
Environment=CONTROL_SOCKET=${BASE}/control.sock
${Object.entries(environment).map(([name, value]) => `Environment="${name}=${value}"\n`).join('')}ExecStart=${UP}
Restart=on-failure
RestartSec=5

[Install]
WantedBy=multi-user.target
`;

/** And for OpenRC: supervise-daemon around a shell. */
const OPENRC_SCRIPT = `#!/sbin/openrc-run
description="Stands in for the Portacode agent"
supervisor="supervise-daemon"
command="${WRAPPER}"
pidfile="/run/agent.pid"
respawn_delay=5
respawn_max=0
`;

const wrapper = (environment: Readonly<Record<string, string>>): string => `#!/bin/sh
export CONTROL_SOCKET=${BASE}/control.sock
${Object.entries(environment).map(([name, value]) => `export ${name}='${value}'\n`).join('')}exec ${UP}
`;

const put = (site: Site, path: string, content: string, mode: number): void => writeFileSync(join(site.machine.root, path), content, { mode });
const putProgram = (site: Site): void => copyFileSync(join(import.meta.dirname, '../programs/agent.mjs'), join(site.machine.root, PROGRAM));

export async function installSystemdAgent(site: Site, environment: Readonly<Record<string, string>>): Promise<void> {
  putProgram(site);
  put(site, '/etc/systemd/system/portacode.service', systemdUnit(environment), 0o644);
  await site.machine.must(['systemctl', 'daemon-reload']);
  await site.machine.must(['systemctl', 'start', 'portacode']);
}

export async function installOpenrcAgent(site: Site, environment: Readonly<Record<string, string>>): Promise<void> {
  putProgram(site);
  put(site, WRAPPER, wrapper(environment), 0o755);
  put(site, '/etc/init.d/portacode', OPENRC_SCRIPT, 0o755);
  await site.machine.must(['/sbin/rc-service', 'portacode', 'start']);
}

/** The agent itself, without the shell around it. */
export const agents = (site: Site) => site.machine.processes(({ argv }) => argv[0] === NODE && argv[1] === PROGRAM);
