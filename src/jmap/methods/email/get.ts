/** Email/get (RFC 8621, section 4.2). */
import { z } from 'zod';
import { MissingMessage } from '../../blobs/blobs.ts';
import { parseArguments } from '../../protocol/arguments.ts';
import { MAIL } from '../../protocol/capabilities.ts';
import { MethodError } from '../../protocol/errors.ts';
import type { MailAccount } from '../../store/mail-account.ts';
import { accountOf, type Call, type Method } from '../call.ts';
import { getArguments, wantedIds } from '../standard/get.ts';
import { BodyView } from './body-view.ts';
import {
  bodyArguments,
  bodyOptionsOf,
  DEFAULT_PROPERTIES,
  emailObject,
  judgeProperties,
  needsBody,
} from './email-view.ts';

const emailGetArguments = z.strictObject({ ...getArguments.shape, ...bodyArguments });

export const emailGet: Method = {
  name: 'Email/get',
  capability: MAIL,
  permission: 'read',
  async run(args, call) {
    const parsed = parseArguments(emailGetArguments, args);
    const { accountId } = parsed;
    const account = accountOf(call, accountId);
    const asked = judgeProperties(parsed.properties ?? DEFAULT_PROPERTIES);
    const properties = asked.includes('id') ? asked : ['id', ...asked];
    const options = bodyOptionsOf(parsed);
    const ids = wantedIds(call, parsed.ids, () => account.emailIds());
    if (properties.some((name) => name.startsWith('header'))) await call.store.complete();
    const list: Record<string, unknown>[] = [];
    const notFound: string[] = [];
    const state = account.state('Email');
    for (const id of ids) {
      const email = account.email(id);
      const body = email !== undefined && needsBody(properties) ? await readBody(call, account, id) : undefined;
      if (email === undefined || body === 'gone') notFound.push(id);
      else list.push(emailObject({ email, body, fields: () => account.headers(email) }, properties, options));
    }
    return [['Email/get', { accountId, state, list, notFound }]];
  },
};

/** The message, whose email may be destroyed while it is read. */
async function readBody(call: Call, account: MailAccount, id: string): Promise<BodyView | 'gone'> {
  const email = account.email(id);
  if (email === undefined) return 'gone';
  try {
    const raw = await call.blobs.bytes(account, email.blobId, call.signal);
    if (raw === undefined) return 'gone';
    return new BodyView(raw, email.blobId, (type, content) => call.blobs.remoteOf(account, type, content));
  } catch (error) {
    if (account.email(id) === undefined) return 'gone';
    if (!(error instanceof MissingMessage)) throw error;
    throw new MethodError(
      'serverUnavailable',
      'the body of a message is not here now: ask for it later, or without its body',
    );
  }
}
