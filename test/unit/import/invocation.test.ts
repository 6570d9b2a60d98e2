import { describe, expect, test } from 'vitest';
import { findProgram, parseInvocation, showCommandLine, withEnvironment } from '../../../src/import/parse/invocation.js';

const flagsOf = (line: string): Readonly<Record<string, string>> | undefined => {
  const invocation = parseInvocation(line.split(' '));
  return invocation && Object.fromEntries(invocation.flags);
};

describe('a command line of cloudflared', () => {
  test.each([
    ['/usr/bin/cloudflared --no-autoupdate --config /etc/cloudflared/config.yml tunnel run', { 'no-autoupdate': 'true', config: '/etc/cloudflared/config.yml' }],
    ['/usr/local/bin/cloudflared tunnel --config=/c.yml run --cred-file /c.json', { config: '/c.yml', 'credentials-file': '/c.json' }],
    ['cloudflared-linux-amd64 --no-autoupdate tunnel run --token eyJ', { 'no-autoupdate': 'true', token: 'eyJ' }],
    ['cloudflared --pidfile /var/run/c.pid --autoupdate-freq 24h0m0s tunnel run --token-file /etc/cloudflared/token', { pidfile: '/var/run/c.pid', 'autoupdate-freq': '24h0m0s', 'token-file': '/etc/cloudflared/token' }],
    ['tini -- cloudflared tunnel run', {}],
    ['cloudflared tunnel -p http2 --metrics :2000 run', { protocol: 'http2', metrics: ':2000' }],
    ['cloudflared tunnel --config /a.yml --config /b.yml run', { config: '/b.yml' }],
  ])('%s', (line, flags) => {
    expect(flagsOf(line)).toEqual(flags);
  });

  test.each([
    ['cloudflared tunnel run homelab', 'homelab'],
    ['cloudflared tunnel run --protocol quic homelab', 'homelab'],
    ['cloudflared tunnel run --post-quantum homelab', 'homelab'],
    ['cloudflared tunnel --name homelab --url http://localhost:1', 'homelab'],
    ['cloudflared tunnel run', undefined],
  ])('%s names its tunnel', (line, ref) => {
    expect(parseInvocation(line.split(' '))).toMatchObject({ kind: 'run', tunnelRef: ref });
  });

  test('without a tunnel of the account is a quick one', () => {
    expect(parseInvocation(['cloudflared', 'tunnel', '--url', 'http://localhost:8080'])).toMatchObject({ kind: 'quick-tunnel' });
  });

  test.each(['cloudflared access tcp --hostname h --url localhost:1', 'cloudflared update', 'cloudflared tunnel list', 'cloudflared tunnel login', 'cloudflared tunnel', 'node main.js run', 'cat /etc/cloudflared/config.yml', '/opt/cloudflared-supervisor run', 'node /usr/bin/cloudflared-supervisor import'])('%s runs no tunnel', (line) => {
    expect(parseInvocation(line.split(' '))).toBeUndefined();
  });

  test('is not looked for in later words', () => {
    expect(findProgram(['sh', '-c', 'a', 'b', '/usr/bin/cloudflared'])).toBeUndefined();
  });

  test('has its environment under its flags', () => {
    const invocation = parseInvocation(['cloudflared', 'tunnel', 'run', '--token-file', '/t']);
    if (invocation === undefined) throw new Error('no invocation');
    expect(Object.fromEntries(withEnvironment(invocation, { TUNNEL_TOKEN: 'x', TUNNEL_TOKEN_FILE: '/other', TUNNEL_METRICS: '', HOME: '/h' }).flags)).toEqual({ token: 'x', 'token-file': '/t' });
  });

  test('is shown without its secrets', () => {
    const secret = 'eyJhIjoiYSIsInQiOiJ0IiwicyI6InMifQ==';
    expect(showCommandLine(['/usr/bin/cloudflared', 'tunnel', 'run', '--token', secret, 'my tunnel'])).toBe("/usr/bin/cloudflared tunnel run --token [redacted] 'my tunnel'");
    expect(showCommandLine(['cloudflared', 'tunnel', 'run', `--token=${secret}`])).toBe('cloudflared tunnel run --token=[redacted]');
    expect(showCommandLine(['cloudflared', 'tunnel', 'run', '--credentials-contents', '{"TunnelSecret":"abc"}'])).not.toContain('abc');
    // Whatever else it is given as, it looks like one.
    expect(showCommandLine(['cloudflared', 'tunnel', 'run', secret])).not.toContain(secret);
  });
});
