import { describe, expect, test } from 'vitest';
import { describeStep } from '../../../src/cli/step-words.js';
import type { DnsChange } from '../../../src/core/dns.js';
import type { ForwardingStepKind } from '../../../src/forwarding/steps.js';
import type { DisconnectStep } from '../../../src/setup/disconnect-steps.js';

/** Does not compile when a kind of step is added and not named here. */
const KINDS: Readonly<Record<ForwardingStepKind | DisconnectStep['kind'], true>> = {
  'write-revision': true, 'install-artifacts': true, 'stop-connectors': true, 'start-connector': true, 'verify-connector': true, 'publish-record': true,
  'commit-revision': true, 'promote-connector': true, 'kill-connectors': true, 'retire-connectors': true, 'write-copies': true, 'drop-revision': true,
  'withdraw-record': true, 'forget-artifacts': true, 'remove-record': true, 'delete-tunnel': true, 'leave-tunnel': true, 'remove-artifacts': true,
};
const CHANGES: Readonly<Record<DnsChange['kind'], true>> = {
  'create-record': true, 'update-record': true, 'take-over-record': true, 'adopt-record': true, 'delete-record': true, 'forget-record': true,
};

describe('a step of a plan', () => {
  test.each(Object.keys(KINDS))('%s has words', (kind) => {
    const words = describeStep({ kind, revision: 7, rules: 2, tunnel: { name: 'home' }, change: { kind: 'create-record', hostname: 'app.example.com' } });
    expect(words).not.toMatch(/[{}]|undefined/);
    expect(words).not.toContain(kind);
  });

  test.each(Object.keys(CHANGES))('%s names the record', (kind) => {
    expect(describeStep({ kind: 'publish-record', change: { kind, hostname: 'app.example.com' } })).toMatch(/record of app\.example\.com/);
  });

  test('says whether a record goes, or what was there before comes back', () => {
    const remove = (previous: readonly unknown[]): string => describeStep({ kind: 'withdraw-record', change: { kind: 'delete-record', hostname: 'app.example.com', entry: { previous } } });
    expect(remove([])).toBe('remove the DNS record of app.example.com');
    expect(remove([{ type: 'A' }])).toBe('give app.example.com back the DNS record that it had before');
  });

  test('of a newer daemon is shown as it came, and obeyed by no terminal', () => {
    expect(describeStep({ kind: 'turn-around', twice: '\u001b[31m' })).toBe(String.raw`turn around {"twice":"\u001b[31m"}`);
  });
});
