import { defineFlag, type FlagSpec } from './flag-spec.js';
import { LOGIN_FLAGS, OVERWRITE_DNS, RUN_FLAGS, tunnelFlags, VALIDATE_FLAGS, VERSION_FLAGS } from './flags.js';

/** What a command does; the table of those is in program.ts. `help` prints the help, `absent` says that the stand-in lacks it. */
export type Action = 'help' | 'absent' | 'version' | 'tunnel' | 'login' | 'run' | 'route-dns' | 'ingress-validate' | 'ingress-rule';

export interface Command {
  readonly name: string;
  readonly usage: string;
  readonly flags: readonly FlagSpec[];
  readonly action: Action;
  readonly subcommands: readonly Command[];
}

const leaf = (name: string, action: Action, usage: string, flags: readonly FlagSpec[] = []): Command => ({ name, usage, flags, action, subcommands: [] });

const absent = (...names: readonly string[]): readonly Command[] => names.map((name) => leaf(name, 'absent', 'Not part of the stand-in'));

const LOGIN = leaf('login', 'login', 'Get an origin cert by way of a browser', LOGIN_FLAGS);

const ROUTE: Command = {
  name: 'route',
  usage: 'Lead names to a tunnel',
  flags: [],
  action: 'help',
  subcommands: [leaf('dns', 'route-dns', 'Make a CNAME record that leads to a tunnel: dns TUNNEL HOSTNAME', [OVERWRITE_DNS]), ...absent('lb', 'ip')],
};

const INGRESS: Command = {
  name: 'ingress',
  usage: 'Look into ingress rules',
  flags: [],
  action: 'help',
  subcommands: [
    leaf('validate', 'ingress-validate', 'Say whether the ingress rules are valid', VALIDATE_FLAGS),
    leaf('rule', 'ingress-rule', 'Say which ingress rule a URL meets: rule URL'),
  ],
};

const tunnelCommand = (): Command => ({
  name: 'tunnel',
  usage: 'Connect what listens here to the edge',
  flags: tunnelFlags(),
  action: 'tunnel',
  subcommands: [
    LOGIN,
    leaf('run', 'run', 'Run a tunnel: run [TUNNEL]', RUN_FLAGS),
    ROUTE,
    INGRESS,
    ...absent('create', 'list', 'ready', 'info', 'delete', 'cleanup', 'token', 'vnet', 'diag', 'proxy-dns', 'db-connect'),
  ],
});

export const HELP_FLAG = defineFlag('switch', 'help', [], { aliases: ['h'], inConfig: false });
export const VERSION_FLAG = defineFlag('switch', 'version', [], { aliases: ['v', 'V'], inConfig: false });

/** The whole program, as far as the stand-in has it. */
export const program = (): Command => ({
  name: 'cloudflared',
  usage: "A stand-in for Cloudflare's cloudflared, for demonstration and tests",
  flags: [...tunnelFlags(), VERSION_FLAG],
  action: 'tunnel',
  subcommands: [
    leaf('version', 'version', 'Print the version', VERSION_FLAGS),
    tunnelCommand(),
    LOGIN,
    ...absent('update', 'access', 'forward', 'tail', 'management', 'service', 'proxy-dns', 'db-connect'),
  ],
});
