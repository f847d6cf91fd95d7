/** What the parts of the world are called. */

export const HOMES = ['north', 'south'] as const;
export const NODES = ['a', 'b'] as const;
export const HOSTS = ['one', 'two'] as const;
export type HomeName = (typeof HOMES)[number];
export type NodeName = (typeof NODES)[number];
export type HostName = (typeof HOSTS)[number];
