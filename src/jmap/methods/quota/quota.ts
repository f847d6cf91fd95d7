/** Quotas (RFC 9425): what an account's agent says of its server's limits; clients only read them. */
import { z } from 'zod';
import { QUOTA } from '../../protocol/capabilities.ts';
import { MethodError } from '../../protocol/errors.ts';
import { changesMethod } from '../standard/changes.ts';
import { getMethod } from '../standard/shelf-get.ts';
import { queryChangesMethod, queryMethod, type ShelfQuery } from '../standard/shelf-query.ts';

/** As agents put it: `account.objects.put('Quota', id, quota)`. */
export interface StoredQuota {
  readonly resourceType: 'count' | 'octets';
  readonly used: number;
  readonly hardLimit: number;
  readonly warnLimit: number | null;
  readonly softLimit: number | null;
  readonly scope: 'account' | 'domain' | 'global';
  readonly name: string;
  readonly types: readonly string[];
  readonly description: string | null;
}

const PROPERTIES = [
  'id',
  'resourceType',
  'used',
  'hardLimit',
  'scope',
  'name',
  'types',
  'warnLimit',
  'softLimit',
  'description',
];

export const quotaGet = getMethod({
  type: 'Quota',
  capability: QUOTA,
  properties: PROPERTIES,
  read(account, id) {
    const quota = account.objects.get<StoredQuota>('Quota', id);
    return quota === undefined ? undefined : { id, ...quota };
  },
  ids: (account) => account.objects.list('Quota').map(({ id }) => id),
});

/** RFC 9425, section 4.3: whether nothing but `used` has changed is not kept, which null says. */
export const quotaChanges = changesMethod('Quota', QUOTA, () => ({ updatedProperties: null }));

const query: ShelfQuery<StoredQuota & { readonly id: string }> = {
  type: 'Quota',
  capability: QUOTA,
  list: (account) => account.objects.list<StoredQuota>('Quota').map(({ id, value }) => ({ ...value, id })),
  condition(name, value) {
    const wanted = z.string().safeParse(value);
    if (!['name', 'scope', 'resourceType', 'type'].includes(name)) return undefined;
    if (!wanted.success) throw new MethodError('invalidArguments', `${name} is a string`);
    switch (name) {
      case 'name':
        return (quota) => quota.name.toLowerCase().includes(wanted.data.toLowerCase());
      case 'type':
        return (quota) => quota.types.includes(wanted.data);
      default:
        return (quota) => quota[name as 'scope' | 'resourceType'] === wanted.data;
    }
  },
  sortKey: (property) => (property === 'name' || property === 'used' ? (quota) => quota[property] : undefined),
};

export const quotaQuery = queryMethod(query);
export const quotaQueryChanges = queryChangesMethod(query);
