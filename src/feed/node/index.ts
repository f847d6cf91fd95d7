/** The Node edge of feeds: TCP, and the fast cipher. */
export * from './sodium-stream-cipher.ts';
export * from './tcp-dialer.ts';
export * from './tcp-listener.ts';
export * from './tcp-transport.ts';
