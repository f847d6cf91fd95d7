/** Thread/get (RFC 8621, section 3.1). */
import { MAIL } from '../../protocol/capabilities.ts';
import { accountOf, type Method } from '../call.ts';
import { listOf, parseGet, pick, wantedIds, wantedProperties } from '../standard/get.ts';

export const threadGet: Method = {
  name: 'Thread/get',
  capability: MAIL,
  permission: 'read',
  run(args, call) {
    const { accountId, ids, properties } = parseGet(args);
    const account = accountOf(call, accountId);
    const wanted = wantedProperties(properties, ['id', 'emailIds']);
    const found = listOf(
      wantedIds(call, ids, () => account.threadIds()),
      (id) => {
        const emailIds = account.threadEmailIds(id);
        return emailIds === undefined ? undefined : pick({ id, emailIds }, wanted);
      },
    );
    return [['Thread/get', { accountId, state: account.state('Thread'), ...found }]];
  },
};
