import { findProgram } from './invocation.js';
import type { ServiceText } from './systemd-unit.js';
import { readAssignments, splitWords } from './words.js';

/** The variables in which scripts keep their command: OpenRC's, and the ones that cloudflared's own SysV script has. */
const COMMANDS: readonly (readonly string[])[] = [['command', 'command_args'], ['cmd'], ['DAEMON', 'DAEMON_ARGS'], ['DAEMON', 'DAEMON_OPTS']];

/**
 * A script of OpenRC or SysV, read and not run: its variables, with those of the settings file beside it. Where no
 * variable holds the command, a line that runs cloudflared does.
 */
export function parseInitScript(name: string, script: string, settings: string): ServiceText {
  // Settings are read before an OpenRC script and after the variables of a SysV one: both ways the later one counts.
  const known = { RC_SVCNAME: name, SVCNAME: name, name };
  const variables = /^#!.*openrc-run/.test(script) ? readVariables(script, readVariables(settings, known)) : readVariables(settings, readVariables(script, known));
  return {
    words: fromVariables(variables) ?? fromLines(script, variables),
    environment: Object.fromEntries(Object.entries(variables).filter(([variable]) => variable.startsWith('TUNNEL_'))),
    environmentFiles: [],
    user: variables['command_user']?.split(':')[0],
    workingDirectory: variables['directory'],
  };
}

/** `: "${NAME:=value}"` sets what was not set; `name=$(…)` is carried out, which we do not, and is left as it was. */
function readVariables(text: string, known: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const defaults = Object.fromEntries([...text.matchAll(/\$\{(\w+):?=([^}]*)\}/g)].map(([, variable = '', value = '']) => [variable, value]));
  const carriedOut = text.split('\n').filter((line) => !/=.*(?:\$\(|`)/.test(line)).join('\n').replaceAll(/\\\n/g, ' ');
  return readAssignments(carriedOut, { ...defaults, ...known });
}

function fromVariables(variables: Readonly<Record<string, string>>): readonly string[] | undefined {
  for (const names of COMMANDS) {
    const line = names.map((name) => variables[name] ?? '').join(' ');
    const words = splitWords(line);
    if (words !== undefined && findProgram(words) !== undefined && words.length > 1) return words;
  }
  return undefined;
}

function fromLines(script: string, variables: Readonly<Record<string, string>>): readonly string[] | undefined {
  for (const line of script.replaceAll(/\\\n/g, ' ').split('\n')) {
    if (/^\s*#/.test(line) || !/cloudflared/.test(line)) continue;
    const words = splitWords(line.trim().replace(/\s*(?:>|2>|&|\|).*$/, ''), { variables, splitVariables: true });
    if (words?.[0] !== undefined && findProgram([words[0]]) !== undefined && words.includes('tunnel')) return words;
  }
  return undefined;
}
