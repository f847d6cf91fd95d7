/** The ledger: what a client holds of each mailbox, what it owes, and what nodes say that does not fit. Pure and portable. */
export * from './alarm.ts';
export { type Interval, IntervalSet } from './interval-set.ts';
export { type Asked, Ledger, type LedgerFields, type NodeHead, type NumberState } from './ledger.ts';
export * from './ledger-codec.ts';
export * from './ledger-error.ts';
export * from './mailbox-verifier.ts';
export * from './report.ts';
export type { Stretch } from './stretches.ts';
export * from './verifier-codec.ts';
