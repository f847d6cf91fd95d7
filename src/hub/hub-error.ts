/** The hub refuses in the words that its clients know: they are the library's. */
export { HubError, type HubErrorCode } from '../hub-client/index.ts';
