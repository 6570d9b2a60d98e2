import type { Finding, Origin, ServiceOrigin } from '../findings.js';
import type { ProcessReport, ServiceReport } from '../report.js';

/** Undefined where the finding is no process. */
export function reportProcess({ origin, live, settings }: Finding): ProcessReport | undefined {
  if (origin.kind !== 'process') return undefined;
  const { pid, startTime, user, uid, unit, parent, inContainer, commandLine, service } = origin;
  return {
    pid, startTime, user, uid, inContainer, commandLine,
    unit: unit ?? null,
    parent: parent ?? null,
    service: service?.name ?? null,
    connectorId: live?.connectorId ?? null,
    gracePeriod: settings.get('grace-period') ?? null,
  };
}

/** The services of a tunnel, each once: found by their files, or by what they run. */
export function reportServices(group: readonly Finding[], processes: readonly ProcessReport[]): readonly ServiceReport[] {
  const services = new Map<string, ServiceOrigin>();
  for (const { origin } of group) {
    const service = serviceOf(origin);
    if (service !== undefined) services.set(`${service.file} ${service.name}`, service);
  }
  return [...services.values()].map(({ init, name, file, enabledBy, companions }) => ({ init, name, file, enabledBy, companions, running: processes.some(({ service }) => service === name) }));
}

const serviceOf = (origin: Origin): ServiceOrigin | undefined => (origin.kind === 'service' ? origin : origin.kind === 'process' ? origin.service : undefined);
