import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { PortacodeEvent } from '../../../src/portacode/events.js';
import { managed, startProxmox } from '../../fixtures/proxmox/fake-proxmox.mjs';
import { ANY_TEXT, createPortacodeRig, matching, type PortacodeRig } from './portacode-rig.js';

/** The rows of "What goes wrong today" that concern what is around Portacode: its host, its containers, the program. */

const MAC_1 = 'bc:24:11:00:00:01';
const MAC_2 = 'bc:24:11:00:00:02';
const LATER = 4_000_000_000;
const rulesFor = (...devices: readonly number[]) => devices.map((device) => ({ hostname: `${device}.example.com`, destination: `http://[${device}]:8080` }));
const configure = (rig: PortacodeRig, rules: unknown) => rig.ask({ cmd: 'configure_cloudflare_forwarding', device_id: '6', rules });
const shown = (event: PortacodeEvent): readonly string[] => (event['rules'] as readonly { readonly hostname: string; readonly resolved_ip?: string }[]).map((rule) => `${rule.hostname} ${rule.resolved_ip ?? '503'}`);

/** Devices 1 and 2 in containers 101 and 102. */
async function createDevices() {
  const rig = await createPortacodeRig();
  const proxmox = await startProxmox();
  onTestFinished(() => proxmox.close());
  const leaseFile = join(rig.directory, 'leases');
  const writeLeases = (...lines: readonly string[]): void => writeFileSync(leaseFile, lines.map((line) => `${line}\n`).join(''));
  for (const [device, mac] of [['1', MAC_1], ['2', MAC_2]] as const) proxmox.containers.set(100 + Number(device), { config: managed(device, mac) });
  writeLeases(`${LATER} ${MAC_1} 10.10.0.101 ct-1 *`, `0 ${MAC_2} 10.10.0.102 ct-2 *`);
  mkdirSync(rig.stateDir);
  writeFileSync(join(rig.stateDir, 'proxmox_infra.json'), JSON.stringify(proxmox.infra()));
  await rig.serve({ CLOUDFLARED_SUPERVISOR_LEASE_FILE: leaseFile, CLOUDFLARED_SUPERVISOR_PROXMOX_FINGERPRINT: proxmox.fingerprint });
  await rig.connect();
  return { rig, proxmox, leaseFile, writeLeases };
}

describe('what goes wrong today', () => {
  test('9: Proxmox and the lease file are away: last known addresses are used, and said to be', async () => {
    const { rig, proxmox, leaseFile } = await createDevices();
    expect(shown(await configure(rig, rulesFor(1, 2)))).toEqual(['1.example.com 10.10.0.101', '2.example.com 10.10.0.102']);
    await proxmox.stop();
    rmSync(leaseFile);
    const answer = await configure(rig, [...rulesFor(2, 1), { hostname: 'x.example.com', destination: 'http://[1]:9000' }]);
    expect(answer).toMatchObject({ success: true });
    expect(shown(answer)).toEqual(['2.example.com 10.10.0.102', '1.example.com 10.10.0.101', 'x.example.com 10.10.0.101']);
    expect(answer['warnings']).toMatchObject([{ code: 'DEVICE_ADDRESS_LAST_KNOWN' }, { code: 'DEVICE_ADDRESS_LAST_KNOWN' }]);
  });

  test("12: nothing is asked of an init system, and no other cloudflared's files are touched", async () => {
    const rig = await createPortacodeRig();
    const calls = join(rig.directory, 'calls');
    for (const name of ['systemctl', 'rc-service', 'rc-update', 'service', 'sudo', 'doas', 'cloudflared']) {
      const program = join(rig.pct.directory, name);
      writeFileSync(program, `#!/bin/sh\necho "${name} $*" >> '${calls}'\nexit 1\n`);
      chmodSync(program, 0o755);
    }
    const own = join(rig.directory, 'their-config.yml');
    writeFileSync(own, 'tunnel: theirs\n');
    rig.writeState('tunnel', { configured: true, connected: true, domain: 'example.com', tunnel_name: 'theirs', config_path: own });
    await rig.serve();
    await rig.connect();
    expect(await configure(rig, [{ hostname: 'app.example.com', destination: 'http://127.0.0.1:1' }])).toMatchObject({ success: true });
    expect(await rig.connect()).toMatchObject({ success: true });
    expect([existsSync(calls), readFileSync(own, 'utf8')]).toEqual([false, 'tunnel: theirs\n']);
  });

  test('13: no secret is on a command line, and a token file of before counts for nothing', async () => {
    const rig = await createPortacodeRig();
    const tokenFile = join(rig.directory, 'tunnel.token');
    writeFileSync(tokenFile, 'stale-token-of-another-tunnel\n');
    rig.writeState('tunnel', { configured: true, connected: true, domain: 'example.com', tunnel_name: 'theirs', token_file: tokenFile });
    await rig.serve();
    await rig.connect();
    const { tunnel_id: id, credentials_file: file, token_file: token } = rig.readState('tunnel');
    const { TunnelSecret: secret, TunnelID } = JSON.parse(readFileSync(String(file), 'utf8')) as Record<string, string>;
    expect([token, TunnelID, secret]).toEqual([null, id, ANY_TEXT]);
    const [connector] = rig.connectors();
    const commandLine = connector?.argv.join(' ') ?? '';
    expect(commandLine).toContain(join(rig.baseDir, 'revisions'));
    for (const text of [secret, 'token']) expect(commandLine).not.toContain(text);
  });

  test('14: the MAC decides: no expired lease is used, and none whose client merely says the name', async () => {
    const { rig, writeLeases } = await createDevices();
    writeLeases(`1000 ${MAC_1} 10.10.0.101 ct-1 *`, `${LATER} bc:24:11:99:99:99 10.10.0.50 ct-2 *`);
    const answer = await configure(rig, rulesFor(1, 2));
    expect(answer).toMatchObject({ success: true, rules: [{ status: 'unresolved' }, { status: 'unresolved' }] });
    expect(shown(answer)).toEqual(['1.example.com 503', '2.example.com 503']);
    writeLeases(`${LATER} ${MAC_1} 10.10.0.103 ct-2 *`, `${LATER} bc:24:11:99:99:99 10.10.0.50 ct-2 *`, `${LATER} ${MAC_2} 10.10.0.104 ct-1 *`);
    expect(shown(await configure(rig, null))).toEqual(['1.example.com 10.10.0.103', '2.example.com 10.10.0.104']);
  });

  test('15: an address that changes is noticed and published, and who follows is told', async () => {
    const { rig, writeLeases } = await createDevices();
    await configure(rig, rulesFor(1, 2));
    const changed = new Promise<PortacodeEvent>((resolve) => {
      rig.send({ cmd: 'follow' }, (event) => {
        if (event.event === 'supervisor_following') writeLeases(`${LATER} ${MAC_1} 10.10.0.111 * *`, `${LATER} ${MAC_2} 10.10.0.112 * *`);
        if (event.event === 'cloudflare_forwarding_changed') resolve(event);
      }).catch(() => undefined); // ends with the daemon, at the end of the test
    });
    const event = await changed;
    expect(event).toMatchObject({ success: true, reason: 'device', updated_at: matching(/\+00:00$/) });
    expect(shown(event)).toEqual(['1.example.com 10.10.0.111', '2.example.com 10.10.0.112']);
  });
});

/** Those that are about a program alone are proven where that program is. */
const PROVEN_ELSEWHERE: Readonly<Record<number, readonly (readonly [file: string, test: string])[]>> = {
  16: [
    ['integration/login.test.ts', 'a URL that comes in pieces is handed out whole'],
    ['unit/cloudflared/login-url.test.ts', 'is not handed out before its end was seen'],
    ['unit/cloudflared/login-url.test.ts', 'never takes anything else for it'],
    ['integration/login.test.ts', 'a program that shows no URL fails at once'],
  ],
  17: [
    ['integration/releases/install.test.ts', 'the newest, verified, into the base directory'],
    ['integration/releases/places.test.ts', 'what was downloaded is tried as nobody, and only then put in place'],
    ['integration/releases/published.test.ts', 'of another version than asked are not taken'],
  ],
};

test('every row of the table is proven, here, in the other file, or where it says', () => {
  const folder = new URL('../../', import.meta.url);
  const read = (file: string): string => readFileSync(new URL(file, folder), 'utf8');
  const here = ['what-goes-wrong.test.ts', 'what-goes-wrong-outside.test.ts'].flatMap((file) => [...read(`integration/portacode/${file}`).matchAll(/^ {2}test\S*\((?:'|")(\d+): /gm)].map(([, row]) => Number(row)));
  const rows = [...here, ...Object.keys(PROVEN_ELSEWHERE).map(Number)].toSorted((a, b) => a - b);
  expect(rows).toEqual(Array.from({ length: 19 }, (_, index) => index + 1));
  for (const [file, name] of Object.values(PROVEN_ELSEWHERE).flat()) expect(read(file), file).toContain(`('${name}'`);
});
