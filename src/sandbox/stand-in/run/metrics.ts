import { BUILD_TYPE, VERSION } from '../version.js';

type Labels = Readonly<Record<string, string>>;

interface Family {
  readonly type: 'counter' | 'gauge';
  readonly help: string;
  /** By the text of the labels. One with labels is not shown before its first count, one without is shown from the start. */
  readonly values: Map<string, number>;
}

const escapeLabel = (text: string): string => text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
const labelText = (labels: Labels): string => {
  const parts = Object.keys(labels).sort().map((name) => `${name}="${escapeLabel(labels[name] ?? '')}"`);
  return parts.length === 0 ? '' : `{${parts.join(',')}}`;
};

/** The figures of `/metrics` that say how a connector fares, named as cloudflared names them. */
export class Metrics {
  readonly #families = new Map<string, Family>();

  constructor() {
    this.#define('build_info', 'gauge', 'Build and version of the program', { goversion: '', type: BUILD_TYPE, revision: '', version: VERSION }, 1);
    this.#define('cloudflared_tunnel_ha_connections', 'gauge', 'Connections that are kept, connected or not', {}, 0);
    this.#define('cloudflared_tunnel_total_requests', 'counter', 'Requests that came through the tunnel', {}, 0);
    this.#define('cloudflared_tunnel_request_errors', 'counter', 'Requests that did not reach their origin', {}, 0);
    this.#define('cloudflared_tunnel_concurrent_requests_per_tunnel', 'gauge', 'Requests in flight', {}, 0);
    this.#define('cloudflared_config_local_config_pushes', 'counter', 'Configurations told to the edge', {}, 0);
    this.#define('cloudflared_tunnel_tunnel_register_success', 'counter', 'Registrations that the edge accepted');
    this.#define('cloudflared_tunnel_tunnel_register_fail', 'counter', 'Registrations that the edge refused');
    this.#define('cloudflared_tunnel_server_locations', 'gauge', 'Where each connection leads; 1 now, 0 before');
    this.#define('cloudflared_tunnel_response_by_code', 'counter', 'Answers of origins by status');
  }

  #define(name: string, type: Family['type'], help: string, labels?: Labels, value = 0): void {
    this.#families.set(name, { type, help, values: new Map(labels === undefined ? [] : [[labelText(labels), value]]) });
  }

  add(name: string, amount = 1, labels: Labels = {}): void {
    const values = this.#families.get(name)?.values;
    if (values === undefined) throw new Error(`There is no metric ${name}.`);
    const key = labelText(labels);
    values.set(key, (values.get(key) ?? 0) + amount);
  }

  set(name: string, value: number, labels: Labels): void {
    this.#families.get(name)?.values.set(labelText(labels), value);
  }

  /** In the text format of Prometheus. */
  render(): string {
    const lines: string[] = [];
    for (const [name, { type, help, values }] of [...this.#families].sort(([a], [b]) => (a < b ? -1 : 1))) {
      if (values.size === 0) continue;
      lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`);
      for (const [labels, value] of values) lines.push(`${name}${labels} ${value}`);
    }
    return `${lines.join('\n')}\n`;
  }
}
