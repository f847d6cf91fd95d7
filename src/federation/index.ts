/** Home to home (design, federation): four layers, of which the node calls the uppermost. */
export * from './federation-error.ts';
export type * from './pdu/pdu-view.ts';
export * from './ports.ts';
