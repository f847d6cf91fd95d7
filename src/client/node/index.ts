/** The client's Node edge. */
export { readFleets } from './fleets-file.ts';
export { createKeyFinder, type KeyFinder } from './key-finder.ts';
