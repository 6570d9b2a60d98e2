import { CLI, NODE, PATH } from './machine.js';
import type { World } from './world.js';

/** One way of asking, of all the ways in which people and programs run us for the user `svc`. */
export interface Asker {
  readonly name: string;
  /** Whose process it is; root unless given. */
  readonly user?: string;
  readonly env: Readonly<Record<string, string>>;
  command(args: readonly string[]): readonly string[];
}

const program = (args: readonly string[]): readonly string[] => [NODE, CLI, ...args];
const line = (args: readonly string[]): string => program(args).map((word) => `'${word}'`).join(' ');

const SHELL = { HOME: '/home/svc', USER: 'svc', LOGNAME: 'svc', SHELL: '/bin/sh' };
const ROOT_SHELL = { HOME: '/root', USER: 'root', LOGNAME: 'root', XDG_CONFIG_HOME: '/root/.config', XDG_RUNTIME_DIR: '/run/user/0' };

/** All of them know the sandbox, but for those whose environment sudo or su takes away: they are told by flags. */
export function askersOf({ environment }: Pick<World, 'environment'>): readonly Asker[] {
  const bySudo = (words: readonly string[]) => (args: readonly string[]): readonly string[] => ['sudo', '-n', ...words, 'env', ...pairs(environment), ...program(args)];
  return [
    { name: 'a shell', user: 'svc', env: { ...SHELL, ...environment }, command: program },
    { name: 'a service, without HOME', user: 'svc', env: { ...environment }, command: program },
    { name: 'cron', user: 'svc', env: { ...SHELL, ...environment, PATH: '/usr/bin:/bin' }, command: program },
    { name: 'HOME that is not there', user: 'svc', env: { ...SHELL, ...environment, HOME: '/nonexistent' }, command: program },
    { name: 'HOME of somebody else', user: 'svc', env: { ...SHELL, ...environment, HOME: '/root' }, command: program },
    { name: 'XDG_CONFIG_HOME elsewhere', user: 'svc', env: { ...SHELL, ...environment, XDG_CONFIG_HOME: '/home/svc/elsewhere' }, command: program },
    { name: 'su', env: { ...ROOT_SHELL, ...environment }, command: (args) => ['su', '-s', '/bin/sh', '-c', line(args), 'svc'] },
    { name: 'su -', env: ROOT_SHELL, command: (args) => ['su', '-', '-s', '/bin/sh', '-c', `env ${pairs(environment).join(' ')} ${line(args)}`, 'svc'] },
    { name: 'sudo', user: 'svc', env: { ...SHELL, PATH }, command: bySudo([]) },
    { name: 'sudo -E', user: 'svc', env: { ...SHELL, ...environment, PATH, XDG_CONFIG_HOME: '/home/svc/elsewhere' }, command: (args) => ['sudo', '-n', '-E', ...program(args)] },
    { name: 'sudo -u', env: ROOT_SHELL, command: bySudo(['-u', 'svc']) },
    { name: 'sudo -E -u', env: { ...ROOT_SHELL, ...environment }, command: (args) => ['sudo', '-n', '-E', '-u', 'svc', ...program(args)] },
    { name: 'root with --user', env: { ...ROOT_SHELL, ...environment }, command: (args) => program([...args, '--user', 'svc']) },
  ];
}

const pairs = (environment: Readonly<Record<string, string>>): readonly string[] => Object.entries(environment).map(([name, value]) => `${name}=${value}`);
