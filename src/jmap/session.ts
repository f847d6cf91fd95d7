/** The session object (RFC 8620, section 2): what this server can do, for which accounts, and where. */
import { createHash } from 'node:crypto';
import { BLOB_SET_BYTES_MAX, BLOB_SOURCES_MAX, CORE_LIMITS, DELAYED_SEND_SECONDS_MAX, MAIL_LIMITS } from './limits.ts';
import { DIGESTS } from './methods/blob/get.ts';
import { LOOKUP_TYPES } from './methods/blob/lookup.ts';
import {
  BLOB,
  COMPLETENESS,
  CORE,
  EVERY_ACCOUNT,
  MAIL,
  QUOTA,
  SUBMISSION,
  VACATION,
  VAPID,
  WEBSOCKET,
} from './protocol/capabilities.ts';
import { COLLATIONS } from './store/collation.ts';
import { SORT_PROPERTIES } from './store/email-filter.ts';
import type { MailAccount } from './store/mail-account.ts';
import type { MailStore } from './store/mail-store.ts';
import type { SubmissionLimits, Submitter } from './submission/submitter.ts';

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
  /** Undefined where nothing is sent. */
  readonly submitter: Submitter | undefined;
}

export function sessionObject(
  store: MailStore,
  { username, baseUrl, applicationServerKey, submitter }: SessionOptions,
): SessionObject {
  const accounts = store.accounts();
  const primary = accounts.find(({ record }) => record.isPersonal) ?? accounts[0];
  const capabilities = sessionCapabilities(baseUrl, applicationServerKey, submitter !== undefined);
  const session = {
    capabilities,
    accounts: Object.fromEntries(accounts.map((account) => [account.id, accountObject(account, submitter)])),
    primaryAccounts:
      primary === undefined
        ? {}
        : Object.fromEntries(
            // RFC 8620, section 2: a primary account for the core itself would say nothing.
            Object.keys(accountCapabilities(primary, submitter)).flatMap((urn) =>
              urn === CORE ? [] : [[urn, primary.id]],
            ),
          ),
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

function sessionCapabilities(
  baseUrl: string,
  applicationServerKey: string | undefined,
  canSend: boolean,
): Record<string, object> {
  return {
    [CORE]: { ...CORE_LIMITS, collationAlgorithms: COLLATIONS },
    [MAIL]: {},
    ...(canSend ? { [SUBMISSION]: {}, [VACATION]: {} } : {}),
    [BLOB]: {},
    [QUOTA]: {},
    [EVERY_ACCOUNT]: {},
    [COMPLETENESS]: {},
    [WEBSOCKET]: { url: `${baseUrl.replace(/^http/, 'ws')}/ws`, supportsPush: true },
    ...(applicationServerKey === undefined ? {} : { [VAPID]: { applicationServerKey } }),
  };
}

function accountObject(account: MailAccount, submitter: Submitter | undefined): object {
  const { name, isPersonal, isReadOnly } = account.record;
  return { name, isPersonal, isReadOnly, accountCapabilities: accountCapabilities(account, submitter) };
}

function accountCapabilities({ record }: MailAccount, submitter: Submitter | undefined): Record<string, object> {
  return {
    [CORE]: {},
    [MAIL]: { ...MAIL_LIMITS, emailQuerySortOptions: SORT_PROPERTIES, mayCreateTopLevelMailbox: !record.isReadOnly },
    ...(submitter === undefined
      ? {}
      : { [SUBMISSION]: submissionCapability(submitter.limitsOf(record.id)), [VACATION]: {} }),
    [BLOB]: BLOB_CAPABILITY,
    [QUOTA]: {},
    ...(record.kind === 'encrypted' ? { [COMPLETENESS]: {} } : {}),
  };
}

/** RFC 8621, section 1.3.2: the extensions of SMTP that an envelope may use. */
function submissionCapability({ messageBytesMax }: SubmissionLimits): object {
  return {
    maxDelayedSend: DELAYED_SEND_SECONDS_MAX,
    submissionExtensions: { FUTURERELEASE: [String(DELAYED_SEND_SECONDS_MAX)], SIZE: [String(messageBytesMax)] },
  };
}

/** RFC 9404, section 3. */
const BLOB_CAPABILITY = Object.freeze({
  maxSizeBlobSet: BLOB_SET_BYTES_MAX,
  maxDataSources: BLOB_SOURCES_MAX,
  supportedTypeNames: LOOKUP_TYPES,
  supportedDigestAlgorithms: Object.keys(DIGESTS),
});
