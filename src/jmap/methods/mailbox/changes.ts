/** Mailbox/changes (RFC 8621, section 2.2): says when nothing but counts has changed. */
import { MAIL } from '../../protocol/capabilities.ts';
import { changesMethod } from '../standard/changes.ts';
import { COUNT_PROPERTIES } from './mailbox-object.ts';

export const mailboxChanges = changesMethod('Mailbox', MAIL, ({ countsOnly }) => ({
  updatedProperties: countsOnly ? COUNT_PROPERTIES : null,
}));
