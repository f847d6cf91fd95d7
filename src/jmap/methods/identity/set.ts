/** Identity/set (RFC 8621, section 6.3). */
import { z } from 'zod';
import { IDENTITIES_MAX, SIGNATURE_CHARACTERS_MAX } from '../../limits.ts';
import { SUBMISSION } from '../../protocol/capabilities.ts';
import { invalidProperties, SetError } from '../../protocol/errors.ts';
import { applyPatch, isSameJson, type PlainObject } from '../../protocol/patch.ts';
import type { MailAccount } from '../../store/mail-account.ts';
import type { Call, Method } from '../call.ts';
import { newId, openSet, parseSet, performSet, type SetHandler, setResponse } from '../standard/set.ts';
import type { StoredIdentity } from './stored-identity.ts';

const addresses = z.array(z.strictObject({ name: z.string().nullable().default(null), email: z.string() })).nullable();
const shape = z.strictObject({
  name: z.string().max(SIGNATURE_CHARACTERS_MAX),
  email: z.string().regex(/^[^\s@<>]+@[^\s@<>]+$/),
  replyTo: addresses,
  bcc: addresses,
  textSignature: z.string().max(SIGNATURE_CHARACTERS_MAX),
  htmlSignature: z.string().max(SIGNATURE_CHARACTERS_MAX),
});
const DEFAULTS = { name: '', replyTo: null, bcc: null, textSignature: '', htmlSignature: '' };

export const identitySet: Method = {
  name: 'Identity/set',
  capability: SUBMISSION,
  permission: 'write',
  async run(args, call) {
    const parsed = parseSet(args);
    const account = openSet(call, 'Identity', parsed);
    const oldState = account.state('Identity');
    const result = await performSet(call, parsed, new IdentityChanger(call, account));
    return [setResponse('Identity', account, oldState, account.state('Identity'), result)];
  },
};

class IdentityChanger implements SetHandler {
  readonly #call: Call;
  readonly #account: MailAccount;

  constructor(call: Call, account: MailAccount) {
    this.#call = call;
    this.#account = account;
  }

  create(object: PlainObject): PlainObject {
    const values = parseIdentity({ ...DEFAULTS, ...object });
    const { submission } = this.#call;
    if (submission !== undefined && !submission.submitter.maySendFrom(this.#account.id, values.email))
      throw new SetError('forbiddenFrom', 'the account may not send from this address');
    if (this.#account.objects.list('Identity').length >= IDENTITIES_MAX)
      throw new SetError('overQuota', `at most ${IDENTITIES_MAX} identities`);
    const id = newId(this.#call, 'i');
    const identity: StoredIdentity = { ...values, mayDelete: true };
    this.#account.objects.put('Identity', id, identity);
    const told = Object.entries(identity).filter(([name, value]) => !isSameJson(object[name], value));
    return { id, ...Object.fromEntries(told) };
  }

  update(id: string, patch: PlainObject): null {
    const before = this.#read(id);
    const current = { id, ...before };
    const patched = applyPatch(current, patch, DEFAULTS);
    const fixed = ['id', 'email', 'mayDelete'].filter((name) => !isSameJson(patched[name], current[name as 'id']));
    if (fixed.length > 0) throw invalidProperties(fixed, 'these never change');
    const { id: _id, mayDelete: _mayDelete, ...values } = patched;
    this.#account.objects.put('Identity', id, { ...parseIdentity(values), mayDelete: before.mayDelete });
    return null;
  }

  destroy(id: string): void {
    if (!this.#read(id).mayDelete) throw new SetError('forbidden', "the account's own address stays");
    this.#account.objects.remove('Identity', id);
  }

  #read(id: string): StoredIdentity {
    const identity = this.#account.objects.get<StoredIdentity>('Identity', id);
    if (identity === undefined) throw new SetError('notFound', 'there is no such identity');
    return identity;
  }
}

function parseIdentity(values: unknown): z.output<typeof shape> {
  const parsed = shape.safeParse(values);
  if (parsed.success) return parsed.data;
  const names = parsed.error.issues.flatMap((issue) => ('keys' in issue ? issue.keys : [String(issue.path[0])]));
  throw invalidProperties([...new Set(names)], parsed.error.issues[0]?.message ?? 'invalid');
}
