/** The Node edge of feeds: TCP, and the fast cipher. */
export * from './drive-folder.ts';
export * from './feed-folder.ts';
export * from './folder-feed-store.ts';
export * from './sodium-stream-cipher.ts';
export * from './tcp-dialer.ts';
export * from './tcp-listener.ts';
export * from './tcp-transport.ts';
