/** Key logs as others follow them: pages made and judged, what is known of each version, what contradicts. Portable. */
export * from './follow.ts';
export * from './key-log-mirror.ts';
export * from './key-log-page.ts';
export * from './limits.ts';
export * from './signed-root.ts';
