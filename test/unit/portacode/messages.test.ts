import { describe, expect, test } from 'vitest';
import { SupervisorError } from '../../../src/core/errors.js';
import type { ForwardingRule } from '../../../src/core/rule.js';
import { deviceOfTunnel, tunnelNameOf } from '../../../src/portacode/device-tunnel-name.js';
import { IN_REQUEST, parseChildDeviceId, parseContainerRules, parseExposedPorts } from '../../../src/portacode/parse-ports.js';
import { completeRules, parseAskedRules } from '../../../src/portacode/parse-rules.js';

const messageOf = (work: () => unknown): string => {
  try {
    work();
  } catch (error) {
    if (error instanceof SupervisorError) return error.message;
    throw error;
  }
  return 'it was accepted';
};

describe('the name of a tunnel', () => {
  test.each([
    ['6', 'portacode-proxmox-6'],
    [' PVE node.1 ', 'portacode-proxmox-pve-node-1'],
    ['a__b--c', 'portacode-proxmox-a-b--c'],
    ['-x-', 'portacode-proxmox-x'],
    ['***', 'portacode-proxmox-device'],
    ['Ünï', 'portacode-proxmox-n'],
  ])('of device %j is %s', (device, name) => {
    expect(tunnelNameOf(device)).toBe(name);
  });

  test('leads back to the device, and other names to none', () => {
    expect([deviceOfTunnel('portacode-proxmox-6'), deviceOfTunnel('portacode-proxmox-'), deviceOfTunnel('mine')]).toEqual(['6', undefined, undefined]);
  });
});

describe('exposed ports', () => {
  test('are numbers, texts or objects, each once, in their order', () => {
    expect(parseExposedPorts([8000, '3001', { port: '8000' }, { port: 8000, protocol: ' HTTPS ' }, 3001])).toEqual([
      { port: 8000, protocol: 'http' }, { port: 3001, protocol: 'http' }, { port: 8000, protocol: 'https' },
    ]);
    expect(parseExposedPorts(null)).toEqual([]);
    expect(parseExposedPorts(undefined)).toEqual([]);
    expect(parseExposedPorts([1, 2, 3, 3, 2, 1])).toHaveLength(3);
    expect(parseExposedPorts([{ port: 80, protocol: null }, { port: 81, protocol: '', extra: 1 }])).toHaveLength(2);
  });

  test.each<[unknown, string]>([
    ['8000', 'expose_ports must be a list'],
    [{ port: 1 }, 'expose_ports must be a list'],
    [[{ protocol: 'http' }], 'each expose_ports object must include a port'],
    [[{ port: 1, protocol: 'tcp' }], 'expose_ports protocol must be http or https'],
    [[{ port: 'x', protocol: 'tcp' }], 'expose_ports protocol must be http or https'],
    [[{ port: 1, protocol: 5 }], 'expose_ports protocol must be http or https'],
    [['x'], 'expose_ports must contain valid integers or {port, protocol} objects'],
    [[null], 'expose_ports must contain valid integers or {port, protocol} objects'],
    [[80.5], 'expose_ports must contain valid integers or {port, protocol} objects'],
    [[[80]], 'expose_ports must contain valid integers or {port, protocol} objects'],
    [[0], 'expose_ports entries must be between 1 and 65535'],
    [['65536'], 'expose_ports entries must be between 1 and 65535'],
    [[1, 2, 3, 4], 'A maximum of 3 ports can be exposed'],
  ])('%j: %s', (ports, message) => {
    expect(messageOf(() => parseExposedPorts(ports))).toBe(message);
  });

  test.each<[unknown, string]>([
    [[0], 'a port must be between 1 and 65535'],
    [['x'], 'a port must be a whole number'],
    [[{ port: 1, protocol: 'tcp' }], 'the protocol of a port must be http or https'],
    [[{}], 'each entry must have a port'],
    [[1, 2, 3, 4], 'A maximum of 3 ports can be exposed'],
  ])('of the control API are refused without words of a message: %j: %s', (ports, message) => {
    expect(messageOf(() => parseExposedPorts(ports, IN_REQUEST))).toBe(message);
  });

  test.each<[unknown]>([[undefined], [null], [''], ['x'], ['59 8'], [-1], [0], ['٥٩٨'], [true], [{}], ['1'.repeat(21)]])('are of a device that is a number, and not %j', (device) => {
    expect(messageOf(() => parseChildDeviceId(device))).toBe('child_device_id is required');
  });

  test('take the number of a device as text or number', () => {
    expect([parseChildDeviceId(598), parseChildDeviceId(' 598 ')]).toEqual(['598', '598']);
  });
});

describe("a container's rules", () => {
  test('are ports under names of the container', () => {
    expect(parseContainerRules(598, [{ subdomain: '598', port: 3001 }, { subdomain: '1_598.', port: '8443', protocol: 'https' }, { port: 3001 }])).toEqual({
      deviceId: '598',
      specs: [{ port: 3001, protocol: 'http' }, { port: 8443, protocol: 'https' }],
    });
  });

  test.each<[unknown, unknown, string]>([
    ['x', [], 'container device_id must be a numeric value'],
    [undefined, [], 'container device_id must be a numeric value'],
    ['598', null, 'rules must be a list'],
    ['598', {}, 'rules must be a list'],
    ['598', [1], 'each container rule must be an object'],
    ['598', [{ subdomain: 'a.b', port: 1 }], 'subdomain must be a single hostname label'],
    ['598', [{ subdomain: 'app', port: 1 }], "subdomain must follow '<device_id>' or '<index>_<device_id>' format"],
    ['598', [{ port: 1, protocol: 'ftp' }], 'container rule protocol must be http or https'],
    ['598', [{ port: 'x' }], 'each container rule requires a valid integer port'],
    ['598', [{}], 'each container rule requires a valid integer port'],
    ['598', [{ port: 70_000 }], 'container rule ports must be between 1 and 65535'],
  ])('of device %j, %j: %s', (device, rules, message) => {
    expect(messageOf(() => parseContainerRules(device, rules))).toBe(message);
  });
});

describe('a list of rules', () => {
  const parse = (list: unknown, setAside: readonly ForwardingRule[] = []) => parseAskedRules(list, 'example.com', setAside);

  test('takes each of the names that a hostname and a destination can have', () => {
    expect(parse([
      { hostname: ' App.Example.com ', destination: 'http://[123]:8000' },
      { host: 'a.example.com.', service: 'http://127.0.0.1:3000/' },
      { hostname: '', domain: 'example.com', destination: '', service: 'tcp://db:5432' },
      { hostname: '*.example.com', destination: 'HTTPS://[7]', parsed: { type: 'url', service_url: 'http://evil' }, resolved_ip: '1.2.3.4', reply_channel: 'x' },
    ])).toEqual([
      { hostname: 'app.example.com', destination: 'http://[123]:8000' },
      { hostname: 'a.example.com', destination: 'http://127.0.0.1:3000' },
      { hostname: 'example.com', destination: 'tcp://db:5432' },
      { hostname: '*.example.com', destination: 'https://[7]' },
    ]);
  });

  test.each<[unknown, string]>([
    [['x'], 'Each rule must be an object with hostname and destination'],
    [[null], 'Each rule must be an object with hostname and destination'],
    [[{}], 'hostname is required for each rule'],
    [[{ hostname: ' ' }], 'hostname is required for each rule'],
    [[{ hostname: 5, destination: 'http://x:1' }], 'hostname is required for each rule'],
    [[{ hostname: 'Evil.org' }], "'Evil.org' is not a subdomain of 'example.com'"],
    [[{ hostname: 'badexample.com', destination: 'nonsense' }], "'badexample.com' is not a subdomain of 'example.com'"],
    [[{ hostname: "it's.evil.org/x" }], `"it's.evil.org/x" is not a subdomain of 'example.com'`],
    [[{ hostname: 'a.example.com' }], 'destination is required for each rule'],
    [[{ hostname: 'a.example.com', destination: ' ' }], 'destination is required for each rule'],
    [[{ hostname: 'a.example.com', destination: 'localhost:3000' }], 'destination must be a valid http:// or https:// URL'],
    [[{ hostname: 'a.example.com', destination: 'ftp://host' }], 'destination must be a valid http:// or https:// URL'],
    [[{ hostname: 'a.example.com', destination: 'http://' }], 'destination must be a valid http:// or https:// URL'],
    [[{ hostname: 'a.example.com', destination: 'http://127.0.0.1:1/path' }], 'destination "http://127.0.0.1:1/path" must not have a path: a request keeps the path that the visitor asked for'],
  ])('%j: %s', (list, message) => {
    expect(messageOf(() => parse(list))).toBe(message);
  });

  test('says all that is wrong, the first of it as the message', () => {
    const work = (): unknown => parse([{ hostname: 'ok.example.com', destination: 'http://x:1' }, { hostname: 'evil.org' }, 7]);
    expect(work).toThrow(expect.objectContaining({
      code: 'FORWARDING_INVALID',
      problems: [
        { rule: 1, field: 'hostname', code: 'HOSTNAME_OUTSIDE_ZONE', message: "'evil.org' is not a subdomain of 'example.com'" },
        { rule: 2, code: 'RULE_INVALID', message: 'Each rule must be an object with hostname and destination' },
      ],
    }));
  });

  test.each(['a.example.com\n  - hostname: b.example.com', 'a b.example.com', '*.*.example.com', 'a..example.com', 'a.example.com:80'])('refuses %j, whatever it ends with', (hostname) => {
    expect(messageOf(() => parse([{ hostname, destination: 'http://x:1' }]))).not.toBe('it was accepted');
  });

  test('leaves a name alone that was set aside when the zone changed', () => {
    const setAside: ForwardingRule[] = [{ hostname: 'app.old.org', destination: 'http://x:1' }];
    expect(parse([{ hostname: 'app.old.org', destination: 'http://x:1' }], setAside)).toHaveLength(1);
  });

  test('that was not touched keeps path and options of its rules', () => {
    const stored: ForwardingRule[] = [
      { hostname: 'a.example.com', path: '/api', destination: 'http://x:1' },
      { hostname: 'a.example.com', destination: 'http://x:2', originRequest: { connectTimeout: '5s' } },
    ];
    expect(completeRules(stored.map(({ hostname, destination }) => ({ hostname, destination })), stored)).toEqual(stored);
    expect(completeRules([{ hostname: 'a.example.com', destination: 'http://x:1' }, { hostname: 'a.example.com', destination: 'http://x:3' }], stored)).toEqual([stored[0], { hostname: 'a.example.com', destination: 'http://x:3' }]);
  });
});
