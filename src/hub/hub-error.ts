/** The hub refuses in the words that its clients know: they are the library's. */
import { HubError, type HubErrorCode } from '../hub-client/index.ts';

export { HubError, type HubErrorCode };

/** What went wrong and what can be done about it, as one text for a person. */
export function sentencesOf({ fix, message }: HubError): string {
  return fix === undefined ? message : `${message}. ${fix}`;
}
