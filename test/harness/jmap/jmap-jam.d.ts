/**
 * What the test uses of jmap-jam. Its own declarations lead to TypeScript sources with enums, which `erasableSyntaxOnly`
 * refuses even in packages; tsconfig.json puts these in their place.
 */
type Id = string;

export interface JamAddress {
  readonly name: string | null;
  readonly email: string;
}

export interface JamPart {
  readonly blobId: Id;
  readonly type: string;
  readonly name: string | null;
}

export interface JamEmail {
  readonly id: Id;
  readonly subject: string | null;
  readonly from: readonly JamAddress[] | null;
  readonly preview: string;
  readonly attachments: readonly JamPart[];
}

export interface JamMailbox {
  readonly id: Id;
  readonly role: string | null;
  readonly totalEmails: number;
}

export interface JamGet<Item> {
  readonly list: readonly Item[];
  readonly state: string;
}

export interface JamSet {
  readonly created: Readonly<Record<string, { readonly id: Id }>> | null;
}

export interface JamChanges {
  readonly created: readonly Id[];
  readonly updated: readonly Id[];
  readonly hasMoreChanges: boolean;
}

type Call<Result> = (args: object) => Promise<[Result, unknown]>;
type Draft<Result> = (args: object) => { $ref(path: string): object; readonly __result?: Result };

interface Drafts {
  readonly Email: { readonly query: Draft<{ ids: readonly Id[] }>; readonly get: Draft<JamGet<JamEmail>> };
}

type ResultOf<Drafted> = Drafted extends { readonly __result?: infer Result } ? Exclude<Result, undefined> : never;

export default class JamClient {
  constructor(config: { readonly sessionUrl: string; readonly bearerToken: string });
  readonly api: {
    readonly Email: {
      readonly get: Call<JamGet<JamEmail>>;
      readonly set: Call<JamSet>;
      readonly changes: Call<JamChanges>;
    };
    readonly Mailbox: { readonly get: Call<JamGet<JamMailbox>> };
    readonly EmailSubmission: { readonly set: Call<JamSet> };
  };
  getPrimaryAccount(): Promise<Id>;
  requestMany<Batch extends Readonly<Record<string, object>>>(
    draft: (t: Drafts) => Batch,
  ): Promise<[{ readonly [Name in keyof Batch]: ResultOf<Batch[Name]> }, unknown]>;
  uploadBlob(accountId: Id, body: string): Promise<{ readonly blobId: Id }>;
  downloadBlob(options: {
    readonly accountId: Id;
    readonly blobId: Id;
    readonly mimeType: string;
    readonly fileName: string;
  }): Promise<Response>;
}
