/** What is used of the package, which has no types of its own. */
declare module 'mailparser' {
  interface Mailbox {
    readonly name: string;
    readonly address?: string;
    readonly group?: readonly Mailbox[];
  }
  interface AddressField {
    readonly value: readonly Mailbox[];
  }
  interface Parsed {
    readonly subject?: string;
    readonly messageId?: string;
    readonly date?: Date;
    readonly from?: AddressField | AddressField[];
    readonly to?: AddressField | AddressField[];
    readonly cc?: AddressField | AddressField[];
    readonly text?: string;
    readonly html?: string | false;
    readonly headerLines: readonly { readonly key: string }[];
    readonly attachments: readonly { readonly contentType: string; readonly content: Buffer }[];
  }
  export function simpleParser(raw: Uint8Array, options: Readonly<Record<string, boolean>>): Promise<Parsed>;
}
