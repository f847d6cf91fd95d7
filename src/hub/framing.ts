/** Frames are the library's and the hub's alike: one reader and one writer of them. */
export { encodeFrame, FrameReader } from '../hub-client/index.ts';
