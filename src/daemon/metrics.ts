import { CONNECTOR_STATES, type Status } from '../core/status.js';

const RULE_STATES = ['live', 'unresolved', 'outside-zone'] as const;

interface Metric {
  readonly name: string;
  readonly kind: 'gauge' | 'counter';
  readonly help: string;
  readonly samples: readonly { readonly labels?: Readonly<Record<string, string>>; readonly value: number }[];
}

/** What is in the status, for Prometheus. Pure. */
export function renderMetrics(status: Status, process: { readonly newestSeq: number; readonly residentBytes: number; readonly startedAtMs: number }): string {
  const metrics: readonly Metric[] = [
    { name: 'info', kind: 'gauge', help: 'Always 1; says which version runs.', samples: [{ labels: { version: status.daemon.version, cloudflared: status.daemon.cloudflared?.version ?? '' }, value: 1 }] },
    { name: 'start_time_seconds', kind: 'gauge', help: 'When the daemon started, Unix time.', samples: [{ value: process.startedAtMs / 1000 }] },
    { name: 'resident_memory_bytes', kind: 'gauge', help: 'Memory of the daemon, without its connectors.', samples: [{ value: process.residentBytes }] },
    { name: 'events_total', kind: 'counter', help: 'Number of the newest event.', samples: [{ value: process.newestSeq }] },
    { name: 'revision', kind: 'gauge', help: 'The revision that is published; 0 if none.', samples: [{ value: status.daemon.revision ?? 0 }] },
    { name: 'connectors', kind: 'gauge', help: 'Connectors by state.', samples: CONNECTOR_STATES.map((state) => ({ labels: { state }, value: countBy(status.connectors, (connector) => connector.state === state) })) },
    { name: 'connections', kind: 'gauge', help: 'Connections to the edge, of all connectors.', samples: [{ value: status.connectors.reduce((sum, { connections }) => sum + connections, 0) }] },
    { name: 'rules', kind: 'gauge', help: 'Forwarding rules by status.', samples: RULE_STATES.map((state) => ({ labels: { status: state }, value: countBy(status.rules, (rule) => rule.status === state) })) },
    { name: 'attention', kind: 'gauge', help: 'Things that a person should look at.', samples: [{ value: status.attention.length }] },
  ];
  return metrics.map(renderMetric).join('');
}

const countBy = <T>(items: readonly T[], matches: (item: T) => boolean): number => items.filter(matches).length;

function renderMetric({ name, kind, help, samples }: Metric): string {
  const full = `cloudflared_supervisor_${name}`;
  const lines = samples.map(({ labels = {}, value }) => `${full}${renderLabels(labels)} ${value}\n`);
  return `# HELP ${full} ${help}\n# TYPE ${full} ${kind}\n${lines.join('')}`;
}

function renderLabels(labels: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(labels).map(([label, value]) => `${label}="${value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')}"`);
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`;
}
