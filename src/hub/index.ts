/** The hub: a person's client run on a server, for their programs. */
export { HubError, type HubErrorCode } from './hub-error.ts';
