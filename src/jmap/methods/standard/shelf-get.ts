/** `/get` of types that are kept as they are. */
import type { DataType } from '../../protocol/data-types.ts';
import type { MailAccount } from '../../store/mail-account.ts';
import { accountOf, type Method } from '../call.ts';
import { type JmapObject, listOf, parseGet, pick, wantedIds, wantedProperties } from './get.ts';

export interface ShelfGet {
  readonly type: DataType;
  readonly capability: string;
  readonly properties: readonly string[];
  /** Objects as JMAP shows them, by id. */
  readonly read: (account: MailAccount, id: string) => JmapObject | undefined;
  readonly ids: (account: MailAccount) => Iterable<string>;
}

export function getMethod({ type, capability, properties: known, read, ids: all }: ShelfGet): Method {
  return {
    name: `${type}/get`,
    capability,
    permission: 'read',
    run(args, call) {
      const { accountId, ids, properties } = parseGet(args);
      const account = accountOf(call, accountId);
      const wanted = wantedProperties(properties, known);
      const found = listOf(
        wantedIds(call, ids, () => all(account)),
        (id) => {
          const object = read(account, id);
          return object === undefined ? undefined : pick(object, wanted);
        },
      );
      return [[`${type}/get`, { accountId, state: account.state(type), ...found }]];
    },
  };
}
