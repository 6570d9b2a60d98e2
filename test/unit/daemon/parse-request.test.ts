import { describe, expect, test } from 'vitest';
import { SupervisorError } from '../../../src/core/errors.js';
import type { CallName } from '../../../src/api/calls.js';
import { parseRequest } from '../../../src/daemon/parse-request.js';

function problemsOf(name: CallName, body: unknown): readonly string[] {
  try {
    parseRequest(name, {}, body);
  } catch (error) {
    if (error instanceof SupervisorError) return error.problems.map(({ code, message }) => `${code} ${message}`);
    throw error;
  }
  return [];
}

describe('what is wrong with a request is said in plain words', () => {
  test.each<[CallName, unknown, string]>([
    ['startSetup', { name: '' }, 'FIELD_INVALID name: must not be empty'],
    ['startSetup', { name: 'x'.repeat(101) }, 'FIELD_INVALID name: must have at most 100 characters'],
    ['startSetup', { name: 5 }, 'FIELD_INVALID name: must be text'],
    ['startSetup', { timeout: 0 }, 'FIELD_INVALID timeout: must be at least 1'],
    ['startSetup', { timeout: 1e9 }, 'FIELD_INVALID timeout: must be at most 86400'],
    ['startSetup', { timeout: 'soon' }, 'FIELD_INVALID timeout: must be a number'],
    ['startSetup', { join: 'yes' }, 'FIELD_INVALID join: must be true or false'],
    ['startSetup', { nam: 'x' }, 'FIELD_UNKNOWN nam: there is no field "nam"'],
    ['addRule', { hostname: 'a.example.com' }, 'FIELD_MISSING destination: must be given'],
    ['addRule', { hostname: 'a.example.com', destination: 'http://a', originRequest: [] }, 'FIELD_INVALID originRequest: must be an object'],
    ['replaceForwarding', { rules: {} }, 'FIELD_INVALID rules: must be a list'],
    ['replaceForwarding', { rules: ['x'] }, 'FIELD_INVALID rule 0: must be an object'],
    ['replaceForwarding', { rules: [{ hostname: null, destination: '' }] }, 'FIELD_INVALID rule 0, hostname: must be text'],
    ['rollback', { revision: 1.5 }, 'FIELD_INVALID revision: must be a whole number'],
    ['removeRule', { hostname: 'a', dryRun: 'maybe' }, 'FIELD_INVALID dryRun: must be true or false'],
    ['logs', { lines: 'many' }, 'FIELD_INVALID lines: must be a whole number'],
    ['logs', { lines: null }, 'FIELD_INVALID lines: must be a number or text'],
    ['exposePorts', { id: '1', ports: [null] }, 'FIELD_INVALID ports.0: must be a number, text or an object'],
    ['exposePorts', { id: '1', ports: [{ protocol: 'http' }] }, 'FIELD_MISSING ports.0.port: must be given'],
    ['exposePorts', { id: '1', ports: [{ port: 1, prot: 'http' }] }, 'FIELD_UNKNOWN ports.0.prot: there is no field "prot"'],
    ['upgrade', { mirror: 'ftp://x' }, 'FIELD_INVALID mirror: must be an http:// or https:// URL'],
    ['importTunnel', { tunnel: { id: 'x' }, rules: [] }, 'FIELD_INVALID tunnel.id: must be a UUID'],
    ['importTunnel', { tunnel: {}, rules: [] }, 'FIELD_INVALID tunnel: must have an id or a name'],
  ])('%s %j: %s', (name, body, problem) => {
    expect(problemsOf(name, body)).toEqual([problem]);
  });
});
