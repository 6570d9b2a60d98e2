import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { DnsChange, DnsPlan } from '../../../src/core/dns.js';
import type { Revision } from '../../../src/core/revision.js';
import { planChange, planWithdrawal, type PlanInput } from '../../../src/forwarding/plan.js';
import type { ForwardingStep } from '../../../src/forwarding/steps.js';
import { revisionToServe } from '../../../src/forwarding/wants-connector.js';
import { TUNNEL } from './world.js';

const revision = (number: number, configHash: string, more: Partial<Revision> = {}): Revision => ({
  revision: number, createdAt: '', reason: 'user', tunnelId: 't1', domain: 'example.com', rules: [], setAside: [], addresses: [], configHash, ...more,
});
const content = (number: number, hash: string, more: Partial<Revision> = {}) => ({ revision: revision(number, hash, more), rendered: { yaml: '', ingress: [], hash } });
const record = (hostname: string): DnsChange => ({ kind: 'create-record', hostname, zoneId: 'z', content: 't1.cfargotunnel.com', via: 'api' });
const dns = (publish: number, withdraw: number): DnsPlan => ({
  publish: Array.from({ length: publish }, (_, index) => record(`p${index}`)),
  withdraw: Array.from({ length: withdraw }, (_, index) => record(`w${index}`)),
  conflicts: [], warnings: [],
});
const handle = (number: number) => ({ id: number, pid: number, revision: number });

const input: fc.Arbitrary<PlanInput> = fc.record({
  current: fc.option(fc.constantFrom('same', 'other').map((hash) => revision(4, hash)), { nil: undefined }),
  desired: fc.constantFrom(content(5, 'same'), content(5, 'same', { domain: 'example.org' }), content(5, 'next')),
  joined: fc.constant(false),
  dns: fc.tuple(fc.nat(3), fc.nat(3)).map(([publish, withdraw]) => dns(publish, withdraw)),
  running: fc.constantFrom([], [handle(4)], [handle(2), handle(4)], [handle(3)]),
  mode: fc.constantFrom('overlap', 'restart'),
  setup: fc.option(fc.constant('s1'), { nil: undefined }),
});

/** Which revisions have a connector that serves, after each step. */
function* serving(steps: readonly ForwardingStep[], running: readonly { readonly revision: number }[]): Generator<ReadonlySet<number>> {
  let now = new Set(running.map((one) => one.revision));
  for (const step of steps) {
    if (step.kind === 'verify-connector') now = new Set([...now, step.revision]);
    else if (step.kind === 'retire-connectors') now = new Set([...now].filter((one) => step.keep.includes(one)));
    else if (step.kind === 'kill-connectors') now = new Set([...now].filter((one) => !step.revisions.includes(one)));
    else if (step.kind === 'stop-connectors') now = new Set();
    yield now;
  }
}

describe('any plan', () => {
  test('never leaves zero connectors where they overlap, and ends with exactly one set', () => {
    fc.assert(
      fc.property(input, (asked) => {
        const plan = planChange(asked);
        if (plan.kind !== 'revision') return;
        const states = [...serving(plan.steps, asked.running)];
        if (asked.mode === 'overlap' && asked.running.length > 0) for (const state of states) expect(state.size).toBeGreaterThan(0);
        const last = states.at(-1) ?? new Set();
        const starts = plan.steps.some(({ kind }) => kind === 'start-connector');
        expect([...last]).toEqual(starts ? [5] : asked.running.map((one) => one.revision));
        expect(last.size).toBeGreaterThan(0);
      }),
    );
  });

  test('proves before it publishes, publishes before it commits, and takes away only afterwards', () => {
    fc.assert(
      fc.property(input, (asked) => {
        const plan = planChange(asked);
        if (plan.kind === 'unchanged') return;
        const kinds = plan.steps.map(({ kind }) => kind);
        const positions = (kind: ForwardingStep['kind']): readonly number[] => kinds.flatMap((one, index) => (one === kind ? [index] : []));
        expect(positions('publish-record')).toHaveLength(asked.dns.publish.length);
        expect(positions('withdraw-record')).toHaveLength(asked.dns.withdraw.length);
        if (plan.kind === 'records') {
          expect(plan).toMatchObject({ finishFrom: 0, commit: undefined });
          expect(new Set(kinds)).toEqual(new Set([...(asked.dns.publish.length > 0 ? ['publish-record'] : []), ...(asked.dns.withdraw.length > 0 ? ['withdraw-record'] : [])]));
          return;
        }
        const commit = plan.commit ?? -1;
        expect(kinds[0]).toBe('write-revision');
        expect(kinds[commit]).toBe('commit-revision');
        expect(plan.finishFrom).toBe(Math.min(...positions('publish-record'), commit));
        for (const kind of ['write-revision', 'install-artifacts', 'stop-connectors', 'start-connector', 'verify-connector', 'publish-record'] as const) for (const at of positions(kind)) expect(at).toBeLessThan(commit);
        for (const kind of ['promote-connector', 'retire-connectors', 'write-copies', 'withdraw-record', 'forget-artifacts'] as const) for (const at of positions(kind)) expect(at).toBeGreaterThan(commit);
        if (kinds.includes('start-connector')) {
          expect(kinds.indexOf('verify-connector')).toBe(kinds.indexOf('start-connector') + 1);
          if (asked.dns.publish.length > 0) {
            expect(kinds.indexOf('verify-connector')).toBeLessThan(kinds.indexOf('publish-record'));
            expect(kinds[commit - 1]).toBe('verify-connector');
          }
        }
        expect(kinds.includes('stop-connectors')).toBe(asked.mode === 'restart' && asked.running.length > 0 && kinds.includes('start-connector'));
        if (kinds.includes('stop-connectors') && kinds.includes('install-artifacts')) expect(kinds.indexOf('stop-connectors')).toBeLessThan(kinds.indexOf('install-artifacts'));
        expect(JSON.parse(JSON.stringify(plan.steps))).toEqual(plan.steps);
      }),
    );
  });

  test('is nothing where nothing changes', () => {
    const same: PlanInput = { current: revision(4, 'same'), desired: content(5, 'same'), joined: false, dns: dns(0, 0), running: [handle(4)], mode: 'overlap', setup: undefined };
    expect(planChange(same)).toEqual({ kind: 'unchanged' });
    expect(planChange({ ...same, dns: dns(1, 1) }).kind).toBe('records');
    expect(planChange({ ...same, setup: 's1' }).kind).toBe('revision');
    expect(planChange({ ...same, setup: 's1', current: revision(4, 'same', { setup: 's1' }), desired: content(5, 'same', { setup: 's1' }) })).toEqual({ kind: 'unchanged' });
    const seenLater = { deviceId: '1', address: '10.0.0.1', mac: 'aa', at: 'later' };
    expect(planChange({ ...same, current: revision(4, 'same', { addresses: [{ ...seenLater, at: 'before' }] }), desired: content(5, 'same', { addresses: [seenLater] }) })).toEqual({ kind: 'unchanged' });
    expect(planChange({ ...same, current: revision(4, 'same', { addresses: [{ ...seenLater, mac: 'bb' }] }), desired: content(5, 'same', { addresses: [seenLater] }) }).kind).toBe('revision');
  });
});

describe('any withdrawal', () => {
  test('commits before all else, ends what is stale, and leaves a waiting change alone that is not', () => {
    fc.assert(
      fc.property(fc.constantFrom('same', 'next'), fc.subarray([2, 4, 6]), fc.subarray([2, 4, 6], { minLength: 1 }), fc.constantFrom('overlap', 'restart'), (hash, staleOnes, running, mode) => {
        const stale = staleOnes.filter((one) => running.includes(one));
        const plan = planWithdrawal({ current: revision(4, 'same'), desired: content(7, hash, { addresses: [{ deviceId: 'x', address: 'y', mac: undefined, at: '' }] }), joined: false, running: running.map(handle), stale, mode });
        if (plan.kind !== 'revision') throw new Error('nothing planned');
        expect(plan.steps[plan.commit ?? -1]?.kind).toBe('commit-revision');
        expect(plan).toMatchObject({ finishFrom: 1, commit: 1 });
        const last = [...serving(plan.steps, running.map(handle))].at(-1) ?? new Set();
        for (const one of stale) expect(last.has(one)).toBe(false);
        expect(last.has(7)).toBe(hash === 'next');
        if (running.includes(6) && !stale.includes(6)) expect(last.has(6)).toBe(true);
        if (hash === 'next') expect(last.has(4)).toBe(false);
        else if (running.includes(4) && !stale.includes(4)) expect(last.has(4)).toBe(true);
      }),
    );
  });
});

describe('a machine that joined its tunnel', () => {
  const rule = (status: 'live' | 'unresolved') => ({ rules: [{ rule: { hostname: 'app.example.com', destination: 'http://localhost:1' }, status }] });
  const kinds = (plan: ReturnType<typeof planChange>): readonly string[] => (plan.kind === 'unchanged' ? [] : plan.steps.map(({ kind }) => kind));
  const joined: PlanInput = { current: undefined, desired: content(5, 'next'), joined: true, dns: dns(0, 0), running: [], mode: 'overlap', setup: 's1' };

  test('starts no connector while it has no rule that can be served', () => {
    expect(kinds(planChange(joined))).toEqual(['write-revision', 'install-artifacts', 'commit-revision', 'write-copies', 'forget-artifacts']);
    expect(kinds(planChange({ ...joined, setup: undefined, desired: content(5, 'next', rule('unresolved')), dns: dns(1, 0) }))).toEqual(['write-revision', 'publish-record', 'commit-revision', 'write-copies']);
  });

  test('starts one with its first rule', () => {
    expect(kinds(planChange({ ...joined, setup: undefined, current: revision(4, 'same'), desired: content(5, 'next', rule('live')), dns: dns(1, 0) }))).toEqual([
      'write-revision', 'start-connector', 'verify-connector', 'publish-record', 'verify-connector', 'commit-revision', 'promote-connector', 'retire-connectors', 'write-copies',
    ]);
  });

  test.each(['overlap', 'restart'] as const)('lets it go after its last rule, by %s', (mode) => {
    const plan = planChange({ ...joined, setup: undefined, mode, current: revision(4, 'same', rule('live')), running: [handle(4)], dns: dns(0, 1) });
    expect(kinds(plan)).toEqual(['write-revision', 'commit-revision', 'retire-connectors', 'write-copies', 'withdraw-record']);
    expect(plan.kind === 'revision' ? plan.steps[2] : undefined).toEqual({ kind: 'retire-connectors', revision: 5, keep: [], urgent: true });
  });

  test('lets it go with the only address that it served', () => {
    const plan = planWithdrawal({ current: revision(4, 'same', rule('live')), desired: content(5, 'next', rule('unresolved')), joined: true, running: [handle(4)], stale: [4], mode: 'overlap' });
    expect(kinds(plan)).toEqual(['write-revision', 'commit-revision', 'kill-connectors', 'retire-connectors', 'write-copies']);
  });

  test('is not known to be one while another tunnel is installed than that of the revision', () => {
    expect(revisionToServe({ ...TUNNEL, joined: false }, revision(4, 'same', { tunnelId: TUNNEL.id }))).toBe(4);
    expect(revisionToServe({ ...TUNNEL, joined: false }, revision(4, 'same'))).toBeUndefined();
    expect(revisionToServe({ ...TUNNEL, joined: true }, revision(4, 'same', { tunnelId: TUNNEL.id, ...rule('unresolved') }))).toBeUndefined();
    expect(revisionToServe({ ...TUNNEL, joined: true }, revision(4, 'same', rule('live')))).toBe(4);
    expect(revisionToServe(undefined, revision(4, 'same', rule('live')))).toBeUndefined();
  });
});
