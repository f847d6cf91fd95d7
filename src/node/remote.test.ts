import { expect, test } from 'vitest';
import { remoteOf } from './remote.ts';

test('a connection is counted by its address, an IPv6 one by its network', () => {
  for (const [peer, remote] of [
    ['192.0.2.7', '192.0.2.7'],
    ['::ffff:192.0.2.7', '192.0.2.7'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:0DB8:1:2::9', '2001:db8:1:2::/64'],
    ['2001:db8::9', '2001:db8:0:0::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
    ['::2', '0:0:0:0::/64'],
  ] as const)
    expect(remoteOf(peer, {}, false)).toBe(remote);
});

test('this machine is no address to count by', () => {
  for (const peer of ['127.0.0.1', '127.9.9.9', '::1', '::ffff:127.0.0.1'])
    expect(remoteOf(peer, {}, false)).toBeUndefined();
});

test('a header is believed behind a proxy only, and of it only what the proxy wrote', () => {
  const headers = { 'x-forwarded-for': '198.51.100.1, 203.0.113.5' };
  expect(remoteOf('127.0.0.1', headers, true)).toBe('203.0.113.5');
  expect(remoteOf('192.0.2.7', headers, false)).toBe('192.0.2.7');
  expect(remoteOf('192.0.2.7', { 'x-forwarded-for': 'nonsense' }, true)).toBe('192.0.2.7');
  expect(remoteOf('192.0.2.7', {}, true)).toBe('192.0.2.7');
});
