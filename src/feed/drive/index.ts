/** Drives: folders of files as feeds, in the layout of hyperdrive 9. Portable. */
export * from './drive.ts';
export * from './drive-message.ts';
export * from './follow-drive.ts';
export { FILE_BLOCK_BYTES } from './limits.ts';
