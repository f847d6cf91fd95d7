/** Thread/changes (RFC 8621, section 3.2). */
import { MAIL } from '../../protocol/capabilities.ts';
import { changesMethod } from '../standard/changes.ts';

export const threadChanges = changesMethod('Thread', MAIL);
