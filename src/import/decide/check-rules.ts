import { SupervisorError, type Problem } from '../../core/errors.js';
import { validateRules } from '../../forwarding/validate.js';
import type { UserRights } from '../survey/ports.js';
import type { ConvertedRules, RefusedRule, TakenRule } from './rules.js';

/** What applying the rules would find wrong with them, said before anything is applied. Which zone they are in is not looked at. */
export async function checkRules(converted: ConvertedRules, { canRead, isForbidden }: UserRights): Promise<ConvertedRules> {
  const problems = new Map<TakenRule, string[]>();
  const note = (taken: TakenRule | undefined, message: string): void => {
    if (taken !== undefined) problems.set(taken, [...(problems.get(taken) ?? []), message]);
  };
  for (const { rule, message } of await findProblems(converted.taken)) note(converted.taken[rule ?? 0], message);
  for (const taken of converted.taken) {
    const caPool = taken.rule.originRequest?.caPool;
    if (typeof caPool === 'string' && !(await canRead(caPool))) note(taken, `its CA file ${caPool} cannot be read by the service user`);
  }
  for (const taken of converted.taken) {
    const socket = /^unix(?:\+tls)?:(.*)$/.exec(taken.rule.destination)?.[1];
    if (socket !== undefined && (await isForbidden(socket))) note(taken, `its socket ${socket} may not be used by the service user, as whom a connector of ours runs`);
  }
  if (problems.size === 0) return converted;
  const refused = [...problems].map(([{ number, rule }, messages]): RefusedRule => ({
    number, hostname: rule.hostname, path: rule.path ?? '', service: rule.destination, code: 'RULE_INVALID', reason: `cannot be one here: ${messages.join('; ')}`,
  }));
  return {
    ...converted,
    taken: converted.taken.filter((taken) => !problems.has(taken)),
    refused: [...converted.refused, ...refused].toSorted((a, b) => a.number - b.number),
  };
}

async function findProblems(taken: readonly TakenRule[]): Promise<readonly Problem[]> {
  try {
    await validateRules(taken.map(({ rule }) => rule), { zone: '', outsideZone: 'set-aside' });
    return [];
  } catch (error) {
    if (error instanceof SupervisorError && error.code === 'FORWARDING_INVALID') return error.problems;
    throw error;
  }
}
