import type { AnswersLog } from './answers-log.js';
import { AnswerOnce, type Answering } from './answer-once.js';
import { COMMANDS, type CommandParts } from './commands.js';
import { errorEvent, type PortacodeEvent } from './events.js';
import { invalidField } from './failures.js';
import type { JsonObject } from './json.js';

/** Where the events of one command go. */
export interface CommandStream {
  readonly send: (event: PortacodeEvent) => void;
  /** Aborted when nobody reads any more. */
  readonly gone: AbortSignal;
}

export type ServeCommand = (message: JsonObject, stream: CommandStream) => Promise<void>;

/** One command in, its events out; a failure is an event too. Resolves when all was said, never rejects. */
export function createService(parts: CommandParts, answers: AnswersLog): ServeCommand {
  const once = new AnswerOnce(answers);
  return async (message, { send, gone }) => {
    const requestId = message['request_id'];
    const label = (event: PortacodeEvent): PortacodeEvent => (requestId === undefined ? event : { ...event, request_id: requestId });
    const conclude = (outcome: Promise<PortacodeEvent>): Promise<PortacodeEvent> => outcome.then(label, (error: unknown) => label(errorEvent(error)));
    const answering: Answering = (say, isThere, comesLater) =>
      conclude(run(message, { send: (event) => say(label(event)), isThere, comesLater: (outcome) => comesLater(conclude(outcome)), requestId }, parts));
    await once.answer(keyOf(message), { send, isThere: () => !gone.aborted }, answering);
  };
}

async function run(message: JsonObject, asker: Parameters<CommandRun>[1], parts: CommandParts): Promise<PortacodeEvent> {
  const { cmd } = message;
  if (typeof cmd !== 'string' || cmd === '') throw invalidField('cmd', 'cmd is required');
  const command = COMMANDS.get(cmd);
  if (command === undefined) throw invalidField('cmd', `unknown command ${JSON.stringify(cmd.length > 80 ? `${cmd.slice(0, 80)}…` : cmd)}`);
  return command(message, asker, parts);
}

type CommandRun = NonNullable<ReturnType<typeof COMMANDS.get>>;

/** A request is named by its id and what it is for: another command is another request. */
function keyOf({ cmd, request_id: id }: JsonObject): string | undefined {
  const isName = (typeof id === 'string' && id !== '') || typeof id === 'number';
  return isName && typeof cmd === 'string' && COMMANDS.has(cmd) ? JSON.stringify([cmd, id]) : undefined;
}
