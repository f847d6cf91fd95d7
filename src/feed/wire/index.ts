/** The wire of Dat v6: frames, messages, and the cipher around them. Pure and portable. */
export * from './limits.ts';
export * from './message.ts';
export * from './stream-cipher.ts';
export * from './wire-stream.ts';
