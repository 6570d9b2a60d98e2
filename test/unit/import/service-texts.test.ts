import { describe, expect, test } from 'vitest';
import { parseInitScript } from '../../../src/import/parse/init-script.js';
import { parseSystemdUnit } from '../../../src/import/parse/systemd-unit.js';
import { readAssignments, splitWords } from '../../../src/import/parse/words.js';

describe('words', () => {
  test.each([
    ['a  b\tc', ['a', 'b', 'c']],
    [`a 'b c' "d e"`, ['a', 'b c', 'd e']],
    [String.raw`a\ b "c\"d" 'e\f'`, ['a b', 'c"d', String.raw`e\f`]],
    [`"" ''`, ['', '']],
    [`$X "$X" '$X' \${X}y`, ['one two', 'one two', '$X', 'one twoy']],
    ['', []],
  ])('%s', (line, words) => {
    expect(splitWords(line, { variables: { X: 'one two' } })).toEqual(words);
  });

  test('an unquoted variable may be several', () => {
    expect(splitWords('a $X b$X', { variables: { X: ' one two ' }, splitVariables: true })).toEqual(['a', 'one', 'two', 'b', 'one', 'two']);
  });

  test.each([`'open`, '"open', 'a $(id) b', 'a `id`'])('%s has none that are known', (line) => {
    expect(splitWords(line)).toBeUndefined();
  });

  test('assignments build on those before them', () => {
    expect(readAssignments('# A=no\nexport A=one\nB="$A two"\n if [ "$A" ]; then C=x; fi\nD=\n')).toEqual({ A: 'one', B: 'one two', D: '' });
  });
});

const RUN = ['/usr/bin/cloudflared', '--no-autoupdate', '--config', '/etc/cloudflared/config.yml', 'tunnel', 'run'];

describe('a unit of systemd', () => {
  test('says what it runs, whatever marks stand before it', () => {
    expect(parseSystemdUnit(['[Unit]\nDescription=x\n[Service]\nType=notify\nExecStart=-@/usr/bin/cloudflared cf tunnel run\nUser=cf\nWorkingDirectory=-/srv\n[Install]\nWantedBy=multi-user.target\n'])).toMatchObject({ words: ['/usr/bin/cloudflared', 'cf', 'tunnel', 'run'], user: 'cf', workingDirectory: '/srv' });
    expect(parseSystemdUnit([`[Service]\nExecStart=${RUN.slice(0, 3).join(' ')} \\\n  ${RUN.slice(3).join(' ')}\n`]).words).toEqual(RUN);
  });

  test('is changed by its drop-ins, and an empty setting forgets what was before', () => {
    const unit = `[Service]\nExecStart=/usr/bin/cloudflared tunnel run old\nEnvironment=A=1 "TUNNEL_TOKEN=a b"\n`;
    expect(parseSystemdUnit([unit, '[Service]\nExecStart=\nExecStart=/usr/bin/cloudflared tunnel run new\n'])).toMatchObject({ words: ['/usr/bin/cloudflared', 'tunnel', 'run', 'new'], environment: { A: '1', TUNNEL_TOKEN: 'a b' } });
    expect(parseSystemdUnit([unit, '[Service]\nEnvironment=\n']).environment).toEqual({});
  });

  test('puts its variables in, those of files over its own', () => {
    const unit = '[Service]\nEnvironment=T=own ARGS="--metrics :1"\nEnvironmentFile=-/etc/default/cloudflared\nExecStart=/usr/bin/cloudflared $ARGS tunnel run --token ${T} 100%% $$x\n';
    expect(parseSystemdUnit([unit]).environmentFiles).toEqual(['/etc/default/cloudflared']);
    expect(parseSystemdUnit([unit], { T: 'file' }).words).toEqual(['/usr/bin/cloudflared', '--metrics', ':1', 'tunnel', 'run', '--token', 'file', '100%', '$x']);
  });

  test('whose specifiers are not known says nothing', () => {
    expect(parseSystemdUnit(['[Service]\nExecStart=/usr/bin/cloudflared --config /etc/%i.yml tunnel run\n']).words).toBeUndefined();
  });
});

describe('a script', () => {
  test('of OpenRC', () => {
    const script = '#!/sbin/openrc-run\n: "${cloudflared_user:=root}"\ncommand="/usr/bin/cloudflared"\ncommand_args=" --no-autoupdate --config /etc/cloudflared/config.yml tunnel run"\ncommand_user="${cloudflared_user}"\npidfile="/run/${RC_SVCNAME}.pid"\nsupervisor="supervise-daemon"\n';
    expect(parseInitScript('cloudflared', script, '')).toMatchObject({ words: RUN, user: 'root' });
    expect(parseInitScript('cloudflared', script, 'cloudflared_user="cf:cf"\n')).toMatchObject({ words: RUN, user: 'cf' });
  });

  test('of SysV, with its own name in its command', () => {
    const script = '#!/bin/sh\nname=$(basename "$0")\ncmd="/usr/bin/cloudflared --pidfile /var/run/$name.pid  --config /etc/cloudflared/config.yml tunnel run"\ncase "$1" in start) $cmd & ;; esac\n';
    expect(parseInitScript('cloudflared', script, '').words).toEqual(['/usr/bin/cloudflared', '--pidfile', '/var/run/cloudflared.pid', '--config', '/etc/cloudflared/config.yml', 'tunnel', 'run']);
  });

  test('of Debian, with settings beside it', () => {
    const script = '#!/bin/sh\nDAEMON=/usr/bin/cloudflared\nDAEMON_ARGS=""\n[ -r /etc/default/cf ] && . /etc/default/cf\n';
    expect(parseInitScript('cf', script, 'DAEMON_ARGS="tunnel run --token-file /t"\nTUNNEL_METRICS=:9\n')).toMatchObject({ words: ['/usr/bin/cloudflared', 'tunnel', 'run', '--token-file', '/t'], environment: { TUNNEL_METRICS: ':9' } });
  });

  test('that only has a line for it', () => {
    expect(parseInitScript('cf', '#!/bin/sh\n# cloudflared tunnel run nothing\nCONF=/etc/c.yml\n/usr/bin/cloudflared --config $CONF tunnel run > /var/log/cf.log 2>&1 &\n', '').words).toEqual(['/usr/bin/cloudflared', '--config', '/etc/c.yml', 'tunnel', 'run']);
  });

  test('that hides it says nothing', () => {
    expect(parseInitScript('cf', '#!/bin/sh\nexec run-it cloudflared\n', '').words).toBeUndefined();
  });
});
