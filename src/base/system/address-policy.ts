/**
 * Which addresses the world may make us connect to: only those that IANA's registries call globally reachable. Everything
 * else (private, loopback, link-local, shared, documentation, multicast, reserved) could be the operator's own network.
 */
import { BlockList, isIP } from 'node:net';

/** IANA IPv4 Special-Purpose Address Registry, and multicast. */
const SPECIAL_IPV4: readonly (readonly [string, number])[] = [
  ['0.0.0.0', 8], // this network
  ['10.0.0.0', 8], // private
  ['100.64.0.0', 10], // shared, carrier-grade NAT
  ['127.0.0.0', 8], // loopback
  ['169.254.0.0', 16], // link-local, clouds' metadata
  ['172.16.0.0', 12], // private
  ['192.0.0.0', 24], // protocol assignments
  ['192.0.2.0', 24], // documentation
  ['192.88.99.0', 24], // 6to4 relays
  ['192.168.0.0', 16], // private
  ['198.18.0.0', 15], // benchmarking
  ['198.51.100.0', 24], // documentation
  ['203.0.113.0', 24], // documentation
  ['224.0.0.0', 4], // multicast
  ['240.0.0.0', 4], // reserved, broadcast
];

/** Inside 2000::/3, the only global unicast block of IPv6. */
const SPECIAL_IPV6: readonly (readonly [string, number])[] = [
  ['2001::', 23], // protocol assignments, Teredo, ORCHID
  ['2001:db8::', 32], // documentation
  ['2002::', 16], // 6to4 wraps any IPv4 address
  ['3fff::', 20], // documentation
];

/** Prefixes that carry an IPv4 address in their last 32 bits: mapped addresses and NAT64. */
const IPV4_CARRIERS = ['::ffff:', '64:ff9b::'];

const special = new BlockList();
const global = new BlockList();
for (const [network, prefix] of SPECIAL_IPV4) {
  special.addSubnet(network, prefix, 'ipv4');
  for (const carrier of IPV4_CARRIERS) special.addSubnet(`${carrier}${network}`, 96 + prefix, 'ipv6');
}
for (const [network, prefix] of SPECIAL_IPV6) special.addSubnet(network, prefix, 'ipv6');
global.addSubnet('2000::', 3, 'ipv6');
for (const carrier of IPV4_CARRIERS) global.addSubnet(`${carrier}0.0.0.0`, 96, 'ipv6');

/** Whether an IP address is globally reachable; false for what is no IP address. */
export function isPublicAddress(address: string): boolean {
  switch (isIP(address)) {
    case 4:
      return !special.check(address, 'ipv4');
    case 6:
      // A zone (fe80::1%eth0) stands on link-local addresses only, which are refused anyway.
      return !address.includes('%') && global.check(address, 'ipv6') && !special.check(address, 'ipv6');
    default:
      return false;
  }
}

/** Those of `addresses` that may be connected to, in their order. */
export function allowedAddresses(addresses: readonly string[], allowPrivate: boolean): readonly string[] {
  return addresses.filter((address) => (allowPrivate ? isIP(address) !== 0 : isPublicAddress(address)));
}

const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8, 'ipv4');
loopback.addAddress('::1', 'ipv6');

/** Whether an IP address leads to this machine: the only ones that plain HTTP may go to. */
export function isLoopbackAddress(address: string): boolean {
  const family = isIP(address);
  return family !== 0 && loopback.check(address, family === 4 ? 'ipv4' : 'ipv6');
}
