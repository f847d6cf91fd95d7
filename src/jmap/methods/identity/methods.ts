/** Identity/get and /changes (RFC 8621, sections 6.1 and 6.2). */
import { SUBMISSION } from '../../protocol/capabilities.ts';
import { changesMethod } from '../standard/changes.ts';
import { getMethod } from '../standard/shelf-get.ts';
import type { StoredIdentity } from './stored-identity.ts';

export const IDENTITY_PROPERTIES = [
  'id',
  'name',
  'email',
  'replyTo',
  'bcc',
  'textSignature',
  'htmlSignature',
  'mayDelete',
];

export const identityGet = getMethod({
  type: 'Identity',
  capability: SUBMISSION,
  properties: IDENTITY_PROPERTIES,
  read(account, id) {
    const identity = account.objects.get<StoredIdentity>('Identity', id);
    return identity === undefined ? undefined : { id, ...identity };
  },
  ids: (account) => account.objects.list('Identity').map(({ id }) => id),
});
export const identityChanges = changesMethod('Identity', SUBMISSION);
