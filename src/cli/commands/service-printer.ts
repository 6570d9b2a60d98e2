import type { Driven } from '../../service/drive-service.js';
import { describeStep, showStep, type Step } from '../../service/steps.js';
import type { CommandContext } from '../command.js';

/** What `--dry-run` says; files that are no secret are shown whole. */
export function printSteps({ output }: CommandContext, steps: readonly Step[]): void {
  output.value({ plan: steps.map(showStep) });
  output.line('This would be done, in this order:');
  for (const step of steps) {
    output.line(`  ${describeStep(step)}`);
    const { content } = showStep(step);
    if (typeof content === 'string') for (const line of content.trimEnd().split('\n')) output.line(`      ${line}`.trimEnd());
  }
}

export function printDriven({ output }: CommandContext, { serving, warnings }: Driven, said: string): void {
  output.value({ serving: serving ?? null, warnings });
  output.warn(warnings);
  output.line(serving === undefined ? said : `${said} (pid ${String(serving.pid)})`);
}
