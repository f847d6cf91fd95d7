/** The session object (RFC 8620, section 2): what this server can do, for which accounts, and where. */
import { createHash } from 'node:crypto';
import { CORE_LIMITS, MAIL_LIMITS } from './limits.ts';
import { CORE, MAIL, VAPID, WEBSOCKET } from './protocol/capabilities.ts';
import { COLLATIONS } from './store/collation.ts';
import { SORT_PROPERTIES } from './store/email-filter.ts';
import type { MailAccount } from './store/mail-account.ts';
import type { MailStore } from './store/mail-store.ts';

export interface SessionObject {
  readonly capabilities: Readonly<Record<string, object>>;
  readonly accounts: Readonly<Record<string, object>>;
  readonly primaryAccounts: Readonly<Record<string, string>>;
  readonly username: string;
  readonly apiUrl: string;
  readonly downloadUrl: string;
  readonly uploadUrl: string;
  readonly eventSourceUrl: string;
  readonly state: string;
}

export interface SessionOptions {
  readonly username: string;
  /** Where the endpoints are mounted, without a slash at the end, such as `https://hub.example/jmap`. */
  readonly baseUrl: string;
  /** Undefined where there are no push subscriptions. */
  readonly applicationServerKey: string | undefined;
}

export function sessionObject(
  store: MailStore,
  { username, baseUrl, applicationServerKey }: SessionOptions,
): SessionObject {
  const accounts = store.accounts();
  const primary = accounts.find(({ record }) => record.isPersonal) ?? accounts[0];
  const capabilities = sessionCapabilities(baseUrl, applicationServerKey);
  const session = {
    capabilities,
    accounts: Object.fromEntries(accounts.map((account) => [account.id, accountObject(account)])),
    primaryAccounts:
      primary === undefined
        ? {}
        : Object.fromEntries(Object.keys(accountCapabilities(primary)).map((urn) => [urn, primary.id])),
    username,
    apiUrl: `${baseUrl}/api`,
    downloadUrl: `${baseUrl}/download/{accountId}/{blobId}/{name}?accept={type}`,
    uploadUrl: `${baseUrl}/upload/{accountId}/`,
    eventSourceUrl: `${baseUrl}/eventsource?types={types}&closeafter={closeafter}&ping={ping}`,
  };
  return { ...session, state: stateOf(session) };
}

/** Changes when anything of the session does, and with nothing else. */
function stateOf(session: object): string {
  return createHash('sha256').update(JSON.stringify(session)).digest('hex').slice(0, 16);
}

function sessionCapabilities(baseUrl: string, applicationServerKey: string | undefined): Record<string, object> {
  return {
    [CORE]: { ...CORE_LIMITS, collationAlgorithms: COLLATIONS },
    [MAIL]: {},
    [WEBSOCKET]: { url: `${baseUrl.replace(/^http/, 'ws')}/ws`, supportsPush: true },
    ...(applicationServerKey === undefined ? {} : { [VAPID]: { applicationServerKey } }),
  };
}

function accountObject(account: MailAccount): object {
  const { name, isPersonal, isReadOnly } = account.record;
  return { name, isPersonal, isReadOnly, accountCapabilities: accountCapabilities(account) };
}

function accountCapabilities({ record }: MailAccount): Record<string, object> {
  return {
    [CORE]: {},
    [MAIL]: { ...MAIL_LIMITS, emailQuerySortOptions: SORT_PROPERTIES, mayCreateTopLevelMailbox: !record.isReadOnly },
  };
}
