/** The real adapters of base's ports, for Node. */
export * from './address-policy.ts';
export * from './dns-resolver.ts';
export * from './garbage.ts';
export * from './service-resolver.ts';
export * from './sodium-suite.ts';
export * from './system.ts';
export * from './threaded-signature-checker.ts';
export * from './undici-dialer.ts';
export * from './worker-url.ts';
export * from './ws-dialer.ts';
export * from './ws-socket.ts';
