import { SupervisorError } from '../../core/errors.js';
import { argument, readChangeOptions } from '../arguments.js';
import { printChange } from '../change-printer.js';
import type { RunCommand } from '../command.js';

export const run: RunCommand = async (context) => {
  const device = argument(context, 0);
  const ports = context.args.slice(1).filter((text) => text !== undefined).map(readPort);
  const client = await context.client();
  const change = await client.exposePorts({ id: device, ports, ...readChangeOptions(context).request }, { signal: context.signal });
  printChange(context, change, `device ${device} has ${String(change.exposedPorts.length)} port(s) exposed`);
  context.output.table(change.exposedPorts.map((exposed) => [String(exposed.port), exposed.protocol, exposed.url]));
  return 0;
};

/** `PORT` or `PORT/https`. */
function readPort(text: string): { port: number; protocol: string } {
  const [, port, protocol = 'http'] = /^(\d{1,5})(?:\/(\w+))?$/.exec(text) ?? [];
  if (port === undefined) throw new SupervisorError('OPTION_INVALID', `A port must be like 3000 or 8443/https, and not ${JSON.stringify(text)}`);
  return { port: Number(port), protocol };
}
