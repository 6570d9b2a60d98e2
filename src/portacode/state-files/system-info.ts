import { isObject, type JsonObject } from '../json.js';
import { isFalsy } from '../python-text.js';
import { forwardingFilePath, tunnelFilePath } from './names.js';
import { readStateFile } from './state-file.js';

/** What Portacode's `system_info` shows under these two keys. */
export interface SystemInfo {
  readonly cloudflare_tunnel: JsonObject;
  readonly cloudflare_forwarding: { readonly rules: readonly JsonObject[]; readonly updated_at: unknown };
}

/** Reads the two files as Portacode does: what is no JSON counts as nothing. To be printed by `printExactJson`. @throws SupervisorError STORAGE_* */
export async function readSystemInfo(stateDir: string): Promise<SystemInfo> {
  const [tunnel, forwarding] = await Promise.all([readStateFile(tunnelFilePath(stateDir)), readStateFile(forwardingFilePath(stateDir))]);
  const state = forwarding.kind === 'read' ? forwarding.value : {};
  const rules: readonly unknown[] = Array.isArray(state['rules']) ? state['rules'] : [];
  return {
    cloudflare_tunnel: tunnel.kind === 'read' ? tunnel.value : {},
    cloudflare_forwarding: { rules: rules.flatMap(showRule), updated_at: state['updated_at'] ?? null },
  };
}

function showRule(entry: unknown): readonly JsonObject[] {
  if (!isObject(entry)) return [];
  const { hostname, destination } = entry;
  return isFalsy(hostname) || isFalsy(destination) ? [] : [{ hostname, destination }];
}
