import type { ConnectorOptions } from '../cloudflared/command-lines.js';
import { createFactFinder } from '../cloudflared/facts.js';
import { createLauncher } from '../cloudflared/launcher.js';
import type { ConnectorLogLine } from '../cloudflared/log-line.js';
import { createProber } from '../cloudflared/readiness.js';
import { DEFAULT_POLICY, STOP_MARGIN_MS } from '../connector/policy.js';
import type { TunnelVerdict } from '../connector/ports.js';
import { ConnectorSupervisor } from '../connector/supervisor.js';
import { SupervisorError } from '../core/errors.js';
import type { Emit } from '../core/events.js';
import type { RevisionStore } from '../forwarding/ports.js';
import type { BinaryFinder } from './binary-parts.js';
import type { ProcessContext } from './process-context.js';

export interface ConnectorPartsOptions {
  readonly binary: BinaryFinder;
  readonly revisions: RevisionStore;
  readonly emit: Emit;
  readonly inspectTunnel: (tunnelId: string) => Promise<TunnelVerdict>;
  readonly onLogLine: (line: ConnectorLogLine) => void;
}

/** The connectors of this daemon, and what starts, watches and stops them. */
export function createConnectorParts(context: ProcessContext, parts: ConnectorPartsOptions): ConnectorSupervisor {
  const { options, places, childEnvironment, redactor, clock, random } = context;
  const tunnelIdOf = async (revision: number): Promise<string> => {
    const current = parts.revisions.current();
    const found = current?.revision === revision ? current : await parts.revisions.read(revision);
    if (found === undefined) throw new SupervisorError('REVISION_UNKNOWN', `There is no revision ${revision}`);
    return found.tunnelId;
  };
  const shared = { paths: places.paths, binary: parts.binary.find, tunnelIdOf, env: childEnvironment, options: toConnectorOptions(context), redactor };
  const connectors: ConnectorSupervisor = new ConnectorSupervisor(
    {
      launcher: createLauncher({
        ...shared,
        binary: parts.binary.findForConnector,
        onLogLine: (line) => {
          parts.onLogLine(line);
          connectors.nudge(line.pid);
        },
      }),
      prober: createProber(),
      facts: createFactFinder({ ...shared, search: parts.binary.search, inspectTunnel: parts.inspectTunnel }),
      emit: parts.emit,
      clock,
      random,
    },
    {
      policy: options.gracePeriod === undefined ? DEFAULT_POLICY : { ...DEFAULT_POLICY, stopTimeoutMs: options.gracePeriod + STOP_MARGIN_MS },
      overlap: options.replace !== 'restart',
    },
  );
  return connectors;
}

function toConnectorOptions({ options }: ProcessContext): ConnectorOptions {
  return {
    edge: options.edge,
    edgeCa: options.edgeCa,
    protocol: options.protocol,
    connections: options.connections,
    gracePeriodMs: options.gracePeriod,
    logLevel: options.logLevel ?? 'info',
  };
}
