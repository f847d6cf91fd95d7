/** Mailbox/get (RFC 8621, section 2.1). */
import { MAIL } from '../../protocol/capabilities.ts';
import { accountOf, type Method } from '../call.ts';
import { listOf, parseGet, pick, wantedIds, wantedProperties } from '../standard/get.ts';
import { MAILBOX_PROPERTIES, mailboxObject } from './mailbox-object.ts';

export const mailboxGet: Method = {
  name: 'Mailbox/get',
  capability: MAIL,
  permission: 'read',
  run(args, call) {
    const { accountId, ids, properties } = parseGet(args);
    const account = accountOf(call, accountId);
    const wanted = wantedProperties(properties, MAILBOX_PROPERTIES);
    const found = listOf(
      wantedIds(call, ids, () => account.mailboxes().map(({ id }) => id)),
      (id) => {
        const mailbox = account.mailbox(id);
        return mailbox === undefined ? undefined : pick(mailboxObject(account, mailbox), wanted);
      },
    );
    return [['Mailbox/get', { accountId, state: account.state('Mailbox'), ...found }]];
  },
};
