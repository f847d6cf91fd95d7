/** What a /set method answers (RFC 8620, section 5.3), as far as the page looks at it. */
import { MethodRefusal } from './refusal.ts';

export interface SetError {
  readonly type: string;
  readonly description?: string;
}

export interface SetAnswer {
  readonly created?: Readonly<Record<string, { readonly id: string }>> | null;
  readonly notCreated?: Readonly<Record<string, SetError>> | null;
  readonly notUpdated?: Readonly<Record<string, SetError>> | null;
  readonly notDestroyed?: Readonly<Record<string, SetError>> | null;
}

/** The id of what was created under the name; throws the hub's reason when it was not. */
export function createdIn({ created, notCreated }: SetAnswer, name: string): string {
  const id = created?.[name]?.id;
  const refused = notCreated?.[name];
  if (id === undefined) throw refusalIn(refused);
  return id;
}

export function refusalIn(error: SetError | undefined): MethodRefusal {
  const { description, type } = error ?? { type: 'serverFail' };
  return new MethodRefusal(type, description ?? type);
}
