/** The program behind `runAsUser`: loads the work as root, becomes the user, does it, answers, ends. */
import { toSupervisorError } from '../core/errors.js';
import { becomeUser, loadWork, type AsUserAnswer, type AsUserRequest } from './as-user.js';

process.once('message', (request: AsUserRequest) => {
  void answer(request).then((message) => process.send?.(message, () => process.disconnect()));
});

async function answer({ user, module, input }: AsUserRequest): Promise<AsUserAnswer> {
  try {
    const work = await loadWork(module);
    becomeUser(user);
    return { output: (await work(input)) ?? null };
  } catch (error) {
    return { error: toSupervisorError(error).toBody() };
  }
}
