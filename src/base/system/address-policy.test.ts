import { describe, expect, test } from 'vitest';
import { allowedAddresses, isPublicAddress } from './address-policy.ts';

describe('the address policy', () => {
  test.each(
    words(`
      0.0.0.0 10.0.0.1 10.255.255.255 100.64.0.1 100.127.255.254 127.0.0.1 127.255.0.1 169.254.169.254
      172.16.0.1 172.31.255.255 192.0.0.1 192.0.2.1 192.88.99.1 192.168.1.1 198.18.0.1 198.19.255.255
      198.51.100.1 203.0.113.1 224.0.0.1 240.0.0.1 255.255.255.255 :: ::1 ::ffff:127.0.0.1 ::ffff:7f00:1
      ::ffff:10.1.2.3 ::127.0.0.1 64:ff9b::10.0.0.1 64:ff9b::a9fe:a9fe 64:ff9b:1::1 100::1 2001::1 2001:db8::1
      2002:7f00:1:: 3fff::1 5f00::1 fc00::1 fd12:3456::1 fe80::1 fe80::1%eth0 fec0::1 ff02::1
      2606:4700::1111%eth0`),
  )('%s is refused', (address) => {
    expect(isPublicAddress(address)).toBe(false);
  });

  test.each(
    words(`
      1.1.1.1 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 126.255.255.255 128.0.0.0 172.15.255.255
      172.32.0.0 192.167.255.255 192.169.0.0 198.17.255.255 198.20.0.0 223.255.255.255 2606:4700::1111 2a00::1
      2001:200::1 2003::1 ::ffff:1.1.1.1 64:ff9b::1.1.1.1`),
  )('%s is allowed', (address) => {
    expect(isPublicAddress(address)).toBe(true);
  });

  test.each(['', 'localhost', 'example.org', '1.1.1', '127.1', '0x7f000001', '[::1]', '1.1.1.1 '])(
    '%j is no IP address and is refused',
    (text) => {
      expect(isPublicAddress(text)).toBe(false);
    },
  );

  test('of the addresses of one name only the allowed ones are left, in their order', () => {
    const found = ['127.0.0.1', '2a00::1', 'garbage', '10.0.0.1', '1.1.1.1', '::1'];
    expect(allowedAddresses(found, false)).toEqual(['2a00::1', '1.1.1.1']);
    expect(allowedAddresses(found, true)).toEqual(['127.0.0.1', '2a00::1', '10.0.0.1', '1.1.1.1', '::1']);
  });
});

function words(text: string): string[] {
  return text.trim().split(/\s+/);
}
