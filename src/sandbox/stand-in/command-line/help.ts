import type { Command } from './commands.js';
import { flagNames, type FlagSpec } from './flag-spec.js';

const flagLine = (flag: FlagSpec): string => {
  const names = flagNames(flag).map((name) => (name.length === 1 ? `-${name}` : `--${name}`));
  const variables = flag.env.map((name) => `$${name}`);
  return `   ${names.join(', ')}${flag.kind === 'switch' ? '' : ' value'}${variables.length > 0 ? ` [${variables.join(', ')}]` : ''}`;
};

/** Shaped like cloudflared's help, in the stand-in's own words. */
export function helpText(command: Command, path: readonly string[]): string {
  const sections = [`NAME:\n   ${path.join(' ')} - ${command.usage}`];
  if (command.subcommands.length > 0) {
    const width = Math.max(...command.subcommands.map((subcommand) => subcommand.name.length));
    const lines = command.subcommands.map((subcommand) => `   ${subcommand.name.padEnd(width)}  ${subcommand.usage}`);
    sections.push(`COMMANDS:\n${lines.join('\n')}`);
  }
  if (command.flags.length > 0) sections.push(`OPTIONS:\n${command.flags.map(flagLine).join('\n')}`);
  return `${sections.join('\n\n')}\n`;
}
