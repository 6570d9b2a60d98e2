import type { Scope } from './service-spec.js';

/** What stands in the first comment of a unit of ours: whose it is, and with what it was made. */
export interface UnitMarker {
  readonly user: string;
  readonly baseDir: string;
  readonly scope: Scope;
  /** Which set of hardening the machine could bear. */
  readonly hardening: string;
}

const LINE = /^# cloudflared-supervisor (\{.*\})$/m;

export const printMarker = ({ user, baseDir, scope, hardening }: UnitMarker): string => `cloudflared-supervisor ${JSON.stringify({ user, baseDir, scope, hardening })}`;

/** Undefined where this file is not one of ours. */
export function parseMarker(text: string): UnitMarker | undefined {
  const [, json = ''] = LINE.exec(text) ?? [];
  try {
    const value: unknown = JSON.parse(json);
    if (typeof value !== 'object' || value === null) return undefined;
    const { user, baseDir, scope, hardening } = value as Record<string, unknown>;
    if (typeof user !== 'string' || typeof baseDir !== 'string' || typeof hardening !== 'string') return undefined;
    return scope === 'system' || scope === 'user' ? { user, baseDir, scope, hardening } : undefined;
  } catch {
    return undefined; // No marker, or not what we write: somebody else's file.
  }
}
