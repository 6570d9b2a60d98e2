import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { describe, expect, onTestFinished, test } from 'vitest';
import { tempDirectory } from '../../fixtures/temp-directory.js';
import { ANY_TEXT, createPortacodeRig, isRoot, type PortacodeRig } from './portacode-rig.js';

const README = new URL('../../../README.md', import.meta.url);
const DRIVER = fileURLToPath(new URL('../../fixtures/portacode/drive_adapter.py', import.meta.url));
const PROGRAM = fileURLToPath(new URL('../../../dist/cli/main.js', import.meta.url));
const hasPython = spawnSync('python3', ['--version']).status === 0;
const NOT_YET = 'Cloudflare tunnel is not configured yet.';

/** Exactly the text that stands in the README. */
function readAdapter(): string {
  const [, section = ''] = readFileSync(README, 'utf8').split('\n## Living beside the agent\n');
  const [, code] = /\n```python\n([\s\S]*?)\n```\n/.exec(section) ?? [];
  if (code === undefined) throw new Error('the README has no adapter');
  return `${code}\n`;
}

type Step = { readonly step: string; readonly result?: unknown; readonly error?: string; readonly event?: Readonly<Record<string, unknown>> };

/** Runs the driver; `onStep` is called with each line, and `go` lets it go on from where it waits. */
async function drive(rig: PortacodeRig, mode: 'socket' | 'bridge', onStep: (step: Step, go: () => void) => void): Promise<readonly Step[]> {
  const home = join(rig.directory, 'agent');
  mkdirSync(home);
  writeFileSync(join(home, 'adapter.py'), readAdapter());
  const child = spawn('python3', [DRIVER, home, mode, process.execPath, PROGRAM], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { PATH: `${rig.pct.directory}:${process.env['PATH'] ?? ''}`, HOME: home, PYTHONDONTWRITEBYTECODE: '1', ...rig.sandbox.environment(), CLOUDFLARED_SUPERVISOR_BASE_DIR: rig.baseDir, CLOUDFLARED_SUPERVISOR_STATE_DIR: rig.stateDir },
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  const steps: Step[] = [];
  const ended = once(child, 'exit');
  for await (const line of createInterface({ input: child.stdout })) {
    const step = JSON.parse(line) as Step;
    steps.push(step);
    onStep(step, () => child.stdin.write('\n'));
  }
  expect((await ended)[0]).toBe(0);
  return steps;
}

const named = (steps: readonly Step[], name: string): Step | undefined => steps.find(({ step }) => step === name);

function checkCommands(rig: PortacodeRig, steps: readonly Step[]): void {
  expect(named(steps, 'names')?.result).toEqual(['setup_cloudflare_tunnel', 'configure_cloudflare_forwarding', 'configure_proxmox_container_expose_ports']);
  expect(named(steps, 'remove-before')).toEqual({ step: 'remove-before', error: NOT_YET });
  expect(named(steps, 'forwarding')?.result).toMatchObject({ event: 'cloudflare_forwarding_configured', message: 'Cloudflare ingress configured for 1 rule(s).', device_id: '6', request_id: 7 });
  expect(named(steps, 'outside')?.error).toBe("'evil.org' is not a subdomain of 'example.com'");
  expect(named(steps, 'expose')?.result).toMatchObject({ event: 'proxmox_container_expose_ports_configured', exposed_ports: [{ hostname: '598.example.com' }] });
  const exposed = { port: 8000, protocol: 'https', hostname: '598.example.com', url: 'https://598.example.com' };
  expect(named(steps, 'container-rules')?.result).toEqual({
    device_id: '598', domain: 'example.com', updated_at: ANY_TEXT, exposed_ports: [exposed], rules: [expect.objectContaining({ hostname: '598.example.com', destination: 'https://[598]:8000' })],
  });
  expect(named(steps, 'reconcile')?.result).toBe(false);
  expect(named(steps, 'remove')?.result).toMatchObject({ rules: [], exposed_ports: [] });
  expect(rig.readState('forwarding')).toMatchObject({ rules: [{ hostname: 'app.example.com' }] });
}

const MISSING = !hasPython ? 'there is no python3' : !isRoot ? 'pct runs as root' : undefined;

describe.skipIf(MISSING !== undefined)(`the adapter of the README${MISSING === undefined ? '' : ` (skipped: ${MISSING})`}`, () => {
  test('over the socket', async () => {
    const rig = await createPortacodeRig();
    rig.addContainer(141, '598');
    const steps = await drive(rig, 'socket', ({ step, event }, go) => {
      if (step === 'ready') void rig.serve().then(go);
      if (step === 'relayed' && event?.['event'] === 'cloudflare_tunnel_login') void rig.authorise();
    });
    expect(named(steps, 'relayed')?.event).toMatchObject({ event: 'cloudflare_tunnel_login', status: 'pending', request_id: 's1' });
    expect(named(steps, 'setup')?.result).toMatchObject({ event: 'cloudflare_tunnel_configured', request_id: 's1', cloudflare_tunnel: { configured: true, domain: 'example.com' } });
    checkCommands(rig, steps);
  });

  test('over JSON lines: the daemon is brought up, and the login does not hold the agent up', async () => {
    const rig = await createPortacodeRig();
    rig.addContainer(141, '598');
    onTestFinished(() => rig.stopStarted());
    const steps = await drive(rig, 'bridge', ({ step, result }, go) => {
      if (step === 'ready') go();
      if (step === 'setup' && (result as { event?: string } | undefined)?.event === 'cloudflare_tunnel_login') void rig.authorise();
    });
    expect(named(steps, 'setup')?.result).toMatchObject({ event: 'cloudflare_tunnel_login', request_id: 's1' });
    expect(steps.filter(({ step }) => step === 'unasked').map(({ event }) => event)).toContainEqual(expect.objectContaining({ event: 'cloudflare_tunnel_configured', request_id: 's1' }));
    checkCommands(rig, steps);
    // The agent's own files say the same: its home has others than the daemon's.
    for (const name of ['tunnel', 'forwarding'] as const) {
      expect(JSON.parse(readFileSync(join(rig.directory, 'agent', '.config', 'portacode', `cloudflare_${name}.json`), 'utf8'))).toEqual(rig.readState(name));
    }
  });

  test('without a daemon, and without the program', async () => {
    const rig = await createPortacodeRig();
    const home = join(rig.directory, 'agent');
    mkdirSync(home);
    writeFileSync(join(home, 'adapter.py'), readAdapter());
    const script = [
      'import adapter, sys',
      'bridge = adapter.follow(print, ["/nonexistent/cloudflared-supervisor"]) if sys.argv[1] == "bridge" else None',
      'for work in (lambda: adapter.set_container_forwarding_rules("598", []), lambda: adapter.reconcile_container_forwarding_ip("598"), lambda: adapter.ConfigureProxmoxContainerExposePortsHandler().execute({"child_device_id": "598", "expose_ports": []})):',
      '    try:',
      '        work()',
      '    except RuntimeError as error:',
      '        print(str(error))',
    ].join('\n');
    for (const mode of ['socket', 'bridge']) {
      const { stdout, stderr } = spawnSync('python3', ['-c', script, mode], { cwd: home, encoding: 'utf8', env: { PATH: process.env['PATH'], CLOUDFLARED_SUPERVISOR_BASE_DIR: rig.baseDir } });
      expect([stdout, stderr]).toEqual([`${NOT_YET}\n`.repeat(3), '']);
    }
  });
});

test.skipIf(!hasPython)(`the bridge of the adapter, closed while its child is being started, ends it${hasPython ? '' : ' (skipped: there is no python3)'}`, () => {
  const directory = tempDirectory();
  writeFileSync(join(directory, 'adapter.py'), readAdapter());
  const closing = fileURLToPath(new URL('../../fixtures/portacode/close_adapter.py', import.meta.url));
  const { stdout, stderr } = spawnSync('python3', [closing, directory], { encoding: 'utf8', timeout: 20_000, env: { ...process.env, PYTHONDONTWRITEBYTECODE: '1' } });
  expect(stderr).toBe('');
  expect(JSON.parse(stdout)).toEqual({ code: -15, children: 1, after: ['DAEMON_UNREACHABLE'] });
});
