import type { Argv } from '../host/run-program.js';

/** Whether a step needs root, or is the service user's own: then it is done as them, whoever asks. */
export type By = 'root' | 'user';

/** What installing, driving and removing a unit consists of, as data: `--dry-run` prints it, `carryOut` does it. */
export type Step =
  | { readonly kind: 'make-directories'; readonly directories: readonly string[]; readonly by: 'user' }
  | { readonly kind: 'write-file'; readonly path: string; readonly mode: number; readonly content: string; readonly by: By }
  | { readonly kind: 'remove-file'; readonly path: string; readonly by: By }
  | { readonly kind: 'run'; readonly argv: Argv; readonly by: By; readonly timeoutMs: number }
  /** Lets the user's own systemd live without a session. The user may do it themselves where polkit says so. */
  | { readonly kind: 'enable-linger'; readonly argv: Argv; readonly timeoutMs: number }
  /** Until the user's own systemd can be spoken to. */
  | { readonly kind: 'await-user-manager'; readonly socket: string; readonly timeoutMs: number };

const COMMAND_TIMEOUT_MS = 30_000;

export const runStep = (by: By, argv: Argv, timeoutMs = COMMAND_TIMEOUT_MS): Step => ({ kind: 'run', argv, by, timeoutMs });

type OfKind<K extends Step['kind']> = Extract<Step, { readonly kind: K }>;

/** One function for each kind of step: what is missing does not compile. */
export type ByKind<Args extends readonly unknown[], Result> = { readonly [K in Step['kind']]: (step: OfKind<K>, ...args: Args) => Result };

export const applyByKind = <Args extends readonly unknown[], Result>(functions: ByKind<Args, Result>, step: Step, ...args: Args): Result =>
  (functions[step.kind] as (step: Step, ...args: Args) => Result)(step, ...args);

const DESCRIPTIONS: ByKind<[], string> = {
  'make-directories': ({ by, directories }) => `as ${by}: make ${directories.join(', ')}`,
  'write-file': ({ by, path, mode }) => `as ${by}: write ${path} (mode ${mode.toString(8).padStart(4, '0')})`,
  'remove-file': ({ by, path }) => `as ${by}: remove ${path}`,
  run: ({ by, argv }) => `as ${by}: ${argv.join(' ')}`,
  'enable-linger': ({ argv }) => `${argv.join(' ')}, as root where the user may not`,
  'await-user-manager': ({ socket }) => `wait for ${socket}`,
};

/** For people: one line, as one would type it. */
export const describeStep = (step: Step): string => applyByKind(DESCRIPTIONS, step);

/** For programs: the same without what a file holds that nobody else may read. */
export function showStep(step: Step): Readonly<Record<string, unknown>> {
  if (step.kind !== 'write-file') return { ...step };
  const { content, ...shown } = step;
  const isPublic = (step.mode & 0o004) !== 0;
  return isPublic ? { ...shown, content } : shown;
}
