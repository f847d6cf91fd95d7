/** What everything leans on and what leans on nothing. Portable; the real clock, randomness and network are in base/system. */
export * from './bounded-cache.ts';
export * from './bytes.ts';
export * from './clock.ts';
export * from './closing.ts';
export * from './crypto-suite.ts';
export * from './deadline.ts';
export * from './dial-error.ts';
export * from './emitter.ts';
export * from './errors.ts';
export * from './frame-socket.ts';
export * from './http-dialer.ts';
export * from './log.ts';
export * from './noble-suite.ts';
export * from './queue.ts';
export * from './random.ts';
export * from './scope.ts';
export * from './signature-checker.ts';
