import type { AnswerOf } from '../api/client.js';
import type { CommandContext } from './command.js';
import { describeStep, type PlannedStep } from './step-words.js';

type Change = AnswerOf<'addRule'>;

/** Shows the answer of a change; `done` says what it was, in the past tense. */
export function printChange({ output }: CommandContext, change: Change, done: string): void {
  output.value(change);
  output.warn(change.warnings);
  if (change.outcome === 'unchanged') {
    output.line('Nothing to do: that is published already.');
  } else if (change.outcome === 'planned') {
    printPlan(output, change.plan ?? []);
  } else {
    output.line(`${output.paint('green', 'done')} ${done} (revision ${String(change.revision)}, ${String(Math.round(change.durationMs))} ms)`);
  }
}

export function printPlan(output: CommandContext['output'], plan: readonly PlannedStep[]): void {
  output.line('This would be done, in this order:');
  for (const step of plan) output.line(`  - ${describeStep(step)}`);
}

/** `host/path → destination`, with what stands in its way. */
export function printRules({ output }: CommandContext, rules: Change['rules']): void {
  if (rules.length === 0) {
    output.line('  no rules');
    return;
  }
  output.table(rules.map((rule) => [rule.hostname + (rule.path ?? ''), '→', rule.destination, rule.resolvedIp ?? '', rule.status === 'live' ? '' : rule.status, `dns: ${rule.dns}`]));
}
