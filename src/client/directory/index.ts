/** The fleet directory: which nodes a client may use, and what the person decided about them. Pure and portable. */
export * from './directory.ts';
export * from './directory-error.ts';
export { BUNDLED_FLEETS, type Fleets, type ListedNode, parseFleets, type RefusedNode } from './fleets.ts';
export * from './node-address.ts';
export * from './settings.ts';
