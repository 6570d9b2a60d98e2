/**
 * In the place of Portacode's agent: makes sure that a daemon serves, looks again every second as its bridge does, and
 * goes as agents go: with 42 to be started again in a newer version (SIGUSR1), or however it is killed.
 */
import { spawnSync } from 'node:child_process';
import { connect } from 'node:net';

const [command = '', ...argv] = process.argv.slice(2);
const socket = process.env['CONTROL_SOCKET'] ?? '';

process.on('SIGUSR1', () => process.exit(42));

const isServed = () =>
  new Promise((resolve) => {
    const connection = connect(socket, () => resolve(true));
    connection.once('error', () => resolve(false));
    connection.setTimeout(200, () => connection.destroy());
  });

for (;;) {
  if (!(await isServed())) spawnSync(command, argv, { stdio: 'inherit' });
  await new Promise((resolve) => setTimeout(resolve, 1_000));
}
