import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { SupervisorError } from '../../src/core/errors.js';
import type { DeviceAddress } from '../../src/core/rule.js';
import { renderConfig } from '../../src/forwarding/render.js';
import { resolveRules } from '../../src/forwarding/resolve.js';
import { validateRules } from '../../src/forwarding/validate.js';

/**
 * Each file: what is asked, a line of dashes, what comes of it: the configuration of cloudflared and the warnings, or
 * every problem of the rules. `devices` are the addresses that are known.
 */
interface Asked {
  readonly zone: string;
  readonly rules: unknown;
  readonly devices?: Readonly<Record<string, string>>;
}

const SEPARATOR = '\n----------\n';
const FOLDER = join(import.meta.dirname, 'forwarding');

describe('rules', () => {
  test.each(readdirSync(FOLDER).map((name) => [name]))('%s', async (name) => {
    const [asked = '', expected = ''] = readFileSync(join(FOLDER, name), 'utf8').split(SEPARATOR);
    expect(await outcomeOf(JSON.parse(asked) as Asked)).toBe(expected);
  });
});

async function outcomeOf({ zone, rules, devices = {} }: Asked): Promise<string> {
  try {
    const validated = await validateRules(rules, { zone, outsideZone: 'refuse' });
    const answers = new Map(Object.entries(devices).map(([id, address]): [string, DeviceAddress] => [id, { kind: 'found', address, mac: undefined, source: 'lease' }]));
    const resolved = await resolveRules(validated, { resolve: async () => answers }, { recorded: [], now: '2026-01-01T00:00:00.000Z' });
    const { yaml } = await renderConfig(resolved, { tunnelId: '11111111-2222-3333-4444-555555555555', credentialsFile: '/home/app/.cloudflared/supervisor/11111111-2222-3333-4444-555555555555.json' });
    return yaml + resolved.warnings.map(({ code, message }) => `# ${code}: ${message}\n`).join('');
  } catch (error) {
    if (!(error instanceof SupervisorError)) throw error;
    const problems = error.problems.map(({ rule, field, code, message }) => `rule ${rule ?? '-'} ${field ?? '-'} ${code}: ${message}\n`);
    return `${error.code}\n${problems.join('')}`;
  }
}
