/** Numbers for other homes, sent and taken once and in order. */
export type { DestinationStatus } from './sender.ts';
export * from './transaction-layer.ts';
