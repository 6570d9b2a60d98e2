import { describe, expect, test } from 'vitest';

import { describeContract } from './programs.js';
import { lastLine, runToEnd } from './run-to-end.js';
import { Scratch } from './scratch.js';

const TUNNEL = '11111111-2222-4333-8444-555555555555';

describeContract('command line', (program) => {
  describe.concurrent('an argument that cannot be parsed prints help on standard output, with code 0', () => {
    test.for<[what: string, args: string[], usage: string]>([
      ['an unknown flag', ['--bogus'], 'Incorrect Usage. flag provided but not defined: -bogus'],
      ['an unknown flag of tunnel', ['tunnel', '--bogus'], 'Incorrect Usage. flag provided but not defined: -bogus'],
      ['an unknown flag of run', ['tunnel', 'run', '--bogus', TUNNEL], 'Incorrect Usage: flag provided but not defined: -bogus'],
      ['an unknown flag of login', ['tunnel', 'login', '--bogus'], 'Incorrect Usage: flag provided but not defined: -bogus'],
      ['an unknown flag of validate', ['tunnel', 'ingress', 'validate', '--bogus'], 'Incorrect Usage: flag provided but not defined: -bogus'],
      ['an unknown flag of route dns', ['tunnel', 'route', 'dns', '--bogus'], 'Incorrect Usage: flag provided but not defined: -bogus'],
      ['a flag of tunnel behind run', ['tunnel', 'run', '--config', 'x.yml', TUNNEL], 'Incorrect Usage: flag provided but not defined: -config'],
      ['a flag of tunnel behind login', ['tunnel', 'login', '--origincert', 'x.pem'], 'Incorrect Usage: flag provided but not defined: -origincert'],
      ['a flag of run before it', ['tunnel', '--token', 'x', 'run'], 'Incorrect Usage. flag provided but not defined: -token'],
      ['a flag without its value', ['tunnel', '--loglevel'], 'Incorrect Usage. flag needs an argument: -loglevel'],
      ['a duration without a unit', ['tunnel', '--grace-period', '30', 'run'], 'Incorrect Usage. invalid value "30" for flag -grace-period: parse error'],
      ['a number that is none', ['tunnel', '--ha-connections', 'x', 'run'], 'Incorrect Usage. invalid value "x" for flag -ha-connections: parse error'],
      ['a switch that is none', ['tunnel', '--no-autoupdate=maybe', 'run'], 'Incorrect Usage. invalid boolean value "maybe" for -no-autoupdate: parse error'],
      ['two names of one flag', ['tunnel', '--protocol', 'http2', '-p', 'http2', 'run'], 'Cannot use two forms of the same flag'],
    ])('%s', async ([, args, usage], context) => {
      const ending = await runToEnd(program, args, new Scratch(context).environment());
      expect(ending).toMatchObject({ code: 0, stderr: '' });
      expect(ending.stdout).toContain(usage);
      expect(ending.stdout).toContain('NAME:\n');
    });
  });

  test('a variable that cannot be parsed ends it with code 0 and not a word', async (context) => {
    const env = new Scratch(context).environment({ TUNNEL_GRACE_PERIOD: 'soon' });
    expect(await runToEnd(program, ['tunnel', 'run', TUNNEL], env)).toEqual({ code: 0, signal: null, stdout: '', stderr: '' });
  });

  describe.concurrent('arguments that make no sense are an error of code 255', () => {
    test.for<[what: string, args: string[], message: string]>([
      ['no tunnel', ['tunnel', 'run'], '"cloudflared tunnel run" requires the ID or name of the tunnel to run as the last command line argument or in the configuration file.'],
      ['two tunnels', ['tunnel', 'run', 'a', 'b'], '"cloudflared tunnel run" accepts only one argument, the ID or name of the tunnel to run.'],
      ['a flag after the tunnel', ['tunnel', 'run', TUNNEL, '--credentials-file', 'x'], '"cloudflared tunnel run" accepts only one argument'],
      ['a token that is none', ['tunnel', 'run', '--token', 'x'], 'Provided Tunnel token is not valid.'],
      ['no token file', ['tunnel', 'run', '--token-file', '/nonexistent'], 'Failed to read token file: open /nonexistent: no such file or directory'],
      ['no hostname', ['tunnel', 'route', 'dns', TUNNEL], 'This command expects the format "cloudflared tunnel route dns <tunnel name/id> <hostname>"'],
    ])('%s', async ([, args, message], context) => {
      const ending = await runToEnd(program, args, new Scratch(context).environment());
      expect(ending).toMatchObject({ code: 255, stdout: '' });
      expect(ending.stderr).toContain(message);
      expect(lastLine(ending)).toMatch(/^See 'cloudflared (?:tunnel run|route dns) --help'\.$/u);
    });
  });

  test('what is no command is one of tunnel, which is an error of code 1', async (context) => {
    const env = new Scratch(context).environment();
    for (const args of [['bogus'], ['tunnel'], ['tunnel', 'bogus']]) {
      const ending = await runToEnd(program, args, env);
      expect(ending).toMatchObject({ code: 1, stdout: '' });
      expect(ending.stderr).toContain('You did not specify any valid additional argument to the cloudflared tunnel command.');
    }
  });

  test('a group of commands prints its help', async (context) => {
    const env = new Scratch(context).environment();
    for (const args of [['tunnel', 'route'], ['tunnel', 'ingress'], ['--help'], ['tunnel', 'run', '--help']]) {
      const ending = await runToEnd(program, args, env);
      expect(ending).toMatchObject({ code: 0, stderr: '' });
      expect(ending.stdout).toContain('NAME:\n');
    }
  });

  test('run without a tunnel names the one of the configuration when asked to do it all', async (context) => {
    const scratch = new Scratch(context);
    const config = scratch.write('c.yml', `tunnel: ${TUNNEL}\n`);
    const ending = await runToEnd(program, ['tunnel', '--config', config], scratch.environment());
    expect(ending).toMatchObject({ code: 1, stderr: `use \`cloudflared tunnel run\` to start tunnel ${TUNNEL}\n` });
  });
});
