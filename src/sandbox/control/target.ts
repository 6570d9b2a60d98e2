import type { ApiFaultRule } from '../api/faults.js';
import type { RateLimit } from '../api/rate-limit.js';
import type { RequestLog } from '../api/request-log.js';
import type { EdgeFaultRule } from '../edge-faults.js';
import type { Edge } from '../edge/ports.js';
import type { FaultRegister, FaultScript } from '../fault-script.js';
import type { LoginFaultRule } from '../login/faults.js';
import type { Logins } from '../login/logins.js';
import type { ConnectionsPort, World } from '../world/world.js';

export interface SandboxFaults {
  readonly api: FaultScript<ApiFaultRule>;
  readonly login: FaultScript<LoginFaultRule>;
  readonly edge: FaultScript<EdgeFaultRule>;
}

export const allFaults = ({ api, login, edge }: SandboxFaults): readonly FaultRegister[] => [api, login, edge];

/** What of a sandbox can be looked at and changed while it runs, from inside and through the control API. */
export interface ControlTarget {
  readonly world: World;
  readonly logins: Logins;
  readonly faults: SandboxFaults;
  readonly requests: RequestLog;
  readonly rateLimit: RateLimit;
  readonly edge: Edge;
  readonly connections: ConnectionsPort;
}
