import type { Machine } from './machine.js';

/** What OpenRC's own start makes of /run, and what it goes by: as after a boot into the runlevel `default`. */
const STATES = ['starting', 'started', 'stopping', 'inactive', 'wasinactive', 'failed', 'hotplugged', 'daemons', 'options', 'exclusive', 'scheduled', 'init.d', 'tmp'];

export async function bootOpenrc(machine: Machine): Promise<void> {
  await machine.sh(`cd /run && mkdir -p ${STATES.map((state) => `openrc/${state}`).join(' ')} && echo default > openrc/softlevel`);
}
