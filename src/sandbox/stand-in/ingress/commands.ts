import { stdout } from 'node:process';

import type { Context } from '../command-line/context.js';
import { NO_CONFIG, type Config } from '../config/config.js';
import { Failure, wrapFailure } from '../failure.js';
import { matchRule } from './match-rule.js';
import { parseIngress, type Ingress } from './parse-ingress.js';

function parseOrExplain(config: Config): Ingress {
  try {
    return parseIngress(config);
  } catch (error) {
    throw wrapFailure(error, 'Validation failed');
  }
}

/** `--json` gives rules in place of a file. */
async function chosenConfig(context: Context, config: Config): Promise<Config> {
  if (context.isSet('json')) {
    stdout.write('Validating rules from cmdline flag --json\n');
    const { parseConfig } = await import('../config/parse-config.js');
    return parseConfig(context.text('json'), '--json') ?? NO_CONFIG;
  }
  if (config.source === '') {
    throw new Failure(
      'No configuration file was found. Please create one, or use the --config flag to specify its filepath. ' +
        'You can use the help command to learn more about configuration files',
    );
  }
  stdout.write(`Validating rules from ${config.source}\n`);
  return config;
}

/** `tunnel ingress validate` */
export async function validateIngress(context: Context, config: Config): Promise<void> {
  parseOrExplain(await chosenConfig(context, config));
  if (context.isSet('url')) throw new Failure("You can't set the --url flag (or $TUNNEL_URL) when using multiple-origin ingress rules");
  stdout.write(config.warnings === '' ? 'OK\n' : `Warning: unused keys detected in your config file. Here is a list of unused keys:\n${config.warnings}\n`);
}

/** `tunnel ingress rule URL` */
export function testRule(context: Context, config: Config): void {
  const [address = ''] = context.args;
  if (address === '') throw new Failure('cloudflared tunnel rule expects a single argument, the URL to test');
  if (!URL.canParse(address)) throw new Failure(`${address} doesn't have a hostname, consider adding a scheme`);
  const url = new URL(address);
  stdout.write(`Using rules from ${config.source}\n`);
  const { rule, index } = matchRule(parseOrExplain(config), url.hostname, decodeURIComponent(url.pathname));
  const lines = [
    `Matched rule #${index}`,
    ...(rule.hostname === '' ? [] : [`\thostname: ${rule.hostname}`]),
    ...(rule.path === '' ? [] : [`\tpath: ${rule.path}`]),
    `\tservice: ${rule.service.text}`,
  ];
  stdout.write(`${lines.join('\n')}\n`);
}
