import { isForbidden, readBounded } from './bounded-file.js';

/** What a process that has become the user is asked. */
export interface UserQuestion {
  readonly ask: 'read' | 'is-forbidden';
  readonly path: string;
}

export default async function answerAsUser(question: unknown): Promise<unknown> {
  const { ask, path } = question as UserQuestion;
  return ask === 'read' ? await readBounded(path) : await isForbidden(path);
}
