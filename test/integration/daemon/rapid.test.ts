import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { errorBody } from '../../../src/api/answers.js';
import { CLOUDFLARED_KIND, createRig } from './rig.js';

type Rules = ReadonlyMap<string, string>;

interface Change {
  readonly method: string;
  readonly path: string;
  readonly body: object;
  /** What it makes of the rules that stand when its turn comes; a code where it is refused. */
  readonly expect: (rules: Rules) => Rules | string;
}

const NAMES = ['a', 'b', 'c', 'd', 'e', 'f'].map((name) => `${name}.example.com`);
const toList = (rules: Rules): readonly { readonly hostname: string; readonly destination: string }[] => [...rules].map(([hostname, destination]) => ({ hostname, destination }));
const toText = (rules: Rules): string => [...rules].map(([hostname, destination]) => `${hostname} ${destination}`).sort().join(', ');

/** Numbers that look like chance, and are the same in every run. */
function createChance(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    return Math.floor((state / 2_147_483_648) * below);
  };
}

function makeChange(chance: (below: number) => number, index: number, base: { readonly revision: number; readonly rules: Rules }): Change {
  const hostname = NAMES[chance(NAMES.length)] ?? '';
  const destination = `http://127.0.0.1:${1_000 + index}`;
  // Now and then, since ten revisions are kept: applied as one of its own, where the others may be applied together.
  if (index % 20 === 13) return { method: 'POST', path: '/v1/rollback', body: { revision: base.revision }, expect: () => base.rules };
  switch (chance(8)) {
    case 0: {
      const list = new Map(NAMES.slice(0, 1 + chance(NAMES.length)).map((name) => [name, destination]));
      return { method: 'PUT', path: '/v1/forwarding', body: { rules: toList(list) }, expect: () => list };
    }
    case 1: case 2: case 3:
      return { method: 'DELETE', path: '/v1/forwarding/rules', body: { hostname }, expect: (rules) => (rules.has(hostname) ? new Map([...rules].filter(([name]) => name !== hostname)) : 'RULE_UNKNOWN') };
    default:
      return { method: 'POST', path: '/v1/forwarding/rules', body: { hostname, destination }, expect: (rules) => new Map([...rules, [hostname, destination]]) };
  }
}

/** All of them in one packet, so that they come in this order and before the first is done; resolves with the answers in order. */
async function sendAtOnce(socketPath: string, changes: readonly Change[]): Promise<readonly string[]> {
  const socket = connect(socketPath);
  await once(socket, 'connect');
  let text = '';
  const answers = (): string[] => text.split(/(?=HTTP\/1\.1 \d{3} )/).map((answer) => answer.slice(answer.indexOf('\r\n\r\n') + 4));
  socket.setEncoding('utf8');
  socket.write(changes.map(({ method, path, body }) => {
    const json = JSON.stringify(body);
    return `${method} ${path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${Buffer.byteLength(json)}\r\n\r\n${json}`;
  }).join(''));
  for await (const chunk of socket) {
    text += String(chunk);
    if (answers().length === changes.length && answers().at(-1)?.endsWith('}\n') === true) break;
  }
  return answers();
}

test(`fifty changes at once end as they would one after another, and none is half applied (${CLOUDFLARED_KIND})`, { timeout: 90_000 }, async () => {
  const rig = await createRig();
  await rig.start();
  await rig.setUp();
  const { revision } = await rig.client.addRule({ hostname: 'base.example.com', destination: 'http://127.0.0.1:1' });
  let rules: Rules = new Map([['base.example.com', 'http://127.0.0.1:1']]);
  const base = { revision, rules };
  const chance = createChance(7);
  const changes = Array.from({ length: 50 }, (_, index) => makeChange(chance, index, base));
  const expected = changes.map((change) => {
    const after = change.expect(rules);
    if (typeof after === 'string') return after;
    rules = after;
    return 'done';
  });

  const answers = (await sendAtOnce(join(rig.baseDir, 'control.sock'), changes)).map((answer) => JSON.parse(answer) as { readonly outcome?: string });
  expect(answers.map((answer) => (answer.outcome === undefined ? errorBody.parse(answer).code : 'done'))).toEqual(expected);

  const status = await rig.client.status();
  expect(status.rules.map(({ hostname, destination }) => `${hostname} ${destination}`).sort().join(', ')).toBe(toText(rules));
  await expect.poll(async () => (await rig.client.status()).connectors.map(({ state }) => state), { timeout: 20_000 }).toEqual(['ready']);
  const [connector] = (await rig.client.status()).connectors;
  const { config } = (await (await fetch(`${connector?.metricsUrl ?? ''}/config`)).json()) as { config: { ingress: { hostname?: string; service: string }[] } };
  expect(config.ingress.filter((rule) => rule.hostname !== undefined && rule.hostname !== '').map((rule) => `${rule.hostname ?? ''} ${rule.service}`).sort().join(', ')).toBe(toText(rules));
  expect(rig.recordNames()).toEqual([...rules.keys()].sort());
  expect(rig.connectors()).toHaveLength(1);
  expect(readdirSync(join(rig.baseDir, 'journal'))).toEqual([]);
  expect(status.attention.filter(({ code }) => code !== 'RUNS_AS_ROOT')).toEqual([]);
});
