/** What a /set method answers (RFC 8620, section 5.3), as far as the page looks at it. */
export interface SetAnswer {
  readonly created?: Readonly<Record<string, { readonly id: string }>> | null;
  readonly notCreated?: Readonly<Record<string, { readonly type: string; readonly description?: string }>> | null;
  readonly notUpdated?: Readonly<Record<string, { readonly type: string }>> | null;
}

/** The id of what was created under the name; throws the hub's reason when it was not. */
export function createdIn({ created, notCreated }: SetAnswer, name: string): string {
  const id = created?.[name]?.id;
  const refused = notCreated?.[name];
  if (id === undefined) throw new Error(refused?.description ?? refused?.type ?? 'the hub has not taken it');
  return id;
}
