/** An Identity as it is kept (RFC 8621, section 6). */
import type { EmailAddress } from '../../mime/address-list.ts';

export interface StoredIdentity {
  readonly name: string;
  readonly email: string;
  readonly replyTo: readonly EmailAddress[] | null;
  readonly bcc: readonly EmailAddress[] | null;
  readonly textSignature: string;
  readonly htmlSignature: string;
  readonly mayDelete: boolean;
}
