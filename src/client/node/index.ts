/** The client's Node edge. */
export { createKeyFinder, type KeyFinder } from './key-finder.ts';
