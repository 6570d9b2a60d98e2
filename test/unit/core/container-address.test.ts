import { describe, expect, test } from 'vitest';
import { isContainerAddress } from '../../../src/core/container-address.js';

describe('an address that a container can have', () => {
  test.each(['10.10.0.101', '192.168.1.1', '8.8.8.8', 'fd00::5', '2001:db8::1'])('%s', (address) => expect(isContainerAddress(address)).toBe(true));

  test.each([
    '127.0.0.1', '127.255.0.1', '0.0.0.0', '0.1.2.3', '169.254.169.254', '224.0.0.1', '240.0.0.1', '255.255.255.255', '::', '::1', 'fe80::1', 'fd00::1%eth0', 'ff02::1', '::ffff:10.10.0.1', '10.10.0.1/24', '10.10.0.1:80', '', 'localhost',
  ])('not %s', (address) => expect(isContainerAddress(address)).toBe(false));
});
