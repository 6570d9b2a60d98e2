import { ERRORS, type Problem, type SupervisorError } from '../core/errors.js';

/** What is wrong, for a person: one line where it is one thing, else what they have in common, and a line for each. */
export function describeFailure(error: SupervisorError): { readonly message: string; readonly problems: readonly string[] } {
  const [first, ...others] = error.problems;
  if (first === undefined) return { message: error.message.replace(/\.$/, ''), problems: [] };
  // The rule of `forward add` has no number: the daemon says of it what it says of the whole.
  const numbered = first.message !== error.message;
  if (others.length === 0) return { message: describeProblem(first, numbered), problems: [] };
  return { message: ERRORS[error.code].meaning.replace(/\.$/, ''), problems: error.problems.map((problem) => describeProblem(problem, numbered)) };
}

/** `rule` counts from 0 for programs; people count from 1. */
function describeProblem({ rule, field = '', message }: Problem, numbered: boolean): string {
  const said = withoutPlace(message, field);
  const where = [rule === undefined || !numbered ? '' : `rule ${String(rule + 1)}`, said.startsWith(field) ? '' : field].filter((part) => part !== '');
  return where.length === 0 ? said : `${where.join(', ')}: ${said}`;
}

/** What the message says of its place itself. */
function withoutPlace(message: string, field: string): string {
  const rest = message.replace(/^rule \d+(?:: |, )/, '');
  return rest.startsWith(`${field}: `) ? rest.slice(field.length + 2) : rest;
}
