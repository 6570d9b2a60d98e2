import type { AnswerOf } from '../api/answers.js';
import type { ParsedRequest } from '../api/requests.js';
import type { ForwardingWriter } from '../forwarding/writer.js';
import type { Gate } from '../transaction/ports.js';
import type { CopySource } from './copies.js';

/** What parts that stand beside the main job bring in. Where one is not there, its calls say so. */

/** What of Portacode's devices is exposed. */
export interface DevicesPart {
  expose(request: ParsedRequest<'exposePorts'>, writer: ForwardingWriter): Promise<AnswerOf<'exposePorts'>>;
}

/** Portacode's commands, and its two state files. */
export interface PortacodePart {
  readonly copies: readonly CopySource[];
  /** One command in; its events as they come. */
  handle(command: ParsedRequest<'portacode'>, send: (event: AnswerOf<'portacode'>) => void): Promise<void>;
  /** The tunnel's name in Portacode's state file; undefined where there is none. */
  recordedTunnelName(): Promise<string | undefined>;
}

export interface DaemonExtras {
  readonly devices?: DevicesPart;
  readonly portacode?: PortacodePart;
  /** Awaited at every step boundary of every change. Production passes none. */
  readonly gate?: Gate;
}
