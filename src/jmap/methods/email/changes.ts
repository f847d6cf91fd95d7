/** Email/changes (RFC 8621, section 4.3). */
import { MAIL } from '../../protocol/capabilities.ts';
import { changesMethod } from '../standard/changes.ts';

export const emailChanges = changesMethod('Email', MAIL);
