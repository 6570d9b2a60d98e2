import type { WarpRoutingConfig } from '../config/config.js';
import { reportOptions, showOptions } from './origin-options.js';
import type { Ingress } from './parse-ingress.js';

/** A configuration that came with the program and not from the dashboard. */
const LOCAL_VERSION = -1;

const DEFAULT_WARP_ROUTING: WarpRoutingConfig = { connectTimeout: 5000, maxActiveFlows: 0, tcpKeepAlive: 30_000 };

function showWarpRouting(config: Partial<WarpRoutingConfig>): Readonly<Record<string, unknown>> {
  const merged = { ...DEFAULT_WARP_ROUTING, ...config };
  return {
    ...(merged.connectTimeout === DEFAULT_WARP_ROUTING.connectTimeout ? {} : { connectTimeout: merged.connectTimeout / 1000 }),
    ...(merged.maxActiveFlows === 0 ? {} : { maxActiveFlows: merged.maxActiveFlows }),
    ...(merged.tcpKeepAlive === DEFAULT_WARP_ROUTING.tcpKeepAlive ? {} : { tcpKeepAlive: merged.tcpKeepAlive / 1000 }),
  };
}

/** The answer of `/config`: every rule with its defaults filled in. */
export const showConfig = (ingress: Ingress, warpRouting: Partial<WarpRoutingConfig>): unknown => ({
  version: LOCAL_VERSION,
  config: {
    ingress: ingress.rules.map((rule) => ({
      hostname: rule.hostname,
      path: rule.path === '' ? null : rule.path,
      service: rule.service.text,
      Handlers: rule.options.access.required === true ? [{}] : null,
      originRequest: showOptions(rule.options),
    })),
    'warp-routing': showWarpRouting(warpRouting),
    originRequest: showOptions(ingress.defaults),
  },
});

/** What the first connection tells the edge. */
export const reportConfig = (ingress: Ingress, warpRouting: Partial<WarpRoutingConfig>, flags: Readonly<Record<string, string>>): unknown => ({
  ...(Object.keys(flags).length === 0 ? {} : { __configuration_flags: flags }),
  ingress: ingress.rules.map((rule) => ({
    ...(rule.hostname === '' ? {} : { hostname: rule.hostname }),
    ...(rule.path === '' ? {} : { path: rule.path }),
    service: rule.service.text,
    originRequest: reportOptions(rule.options),
  })),
  'warp-routing': showWarpRouting(warpRouting),
});
