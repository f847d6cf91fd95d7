/** The second layer: PDUs judged, held, answered for, and fetched when they lack. */
export * from './answers.ts';
export * from './author-check.ts';
export * from './conversations.ts';
export * from './hints.ts';
export * from './hole-filler.ts';
export * from './holes.ts';
export * from './inbox.ts';
export * from './pdu-view.ts';
export * from './people.ts';
export * from './shown-conversation.ts';
