/** The real adapters of base's ports, for Node. */
export * from './sodium-suite.ts';
export * from './system.ts';
