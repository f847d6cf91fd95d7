/** The texts of accounts, in the page's language. */
import { reasonOf } from '../reason.ts';
import { type Language, texts } from '../texts.svelte.ts';
import { de } from './de.ts';
import { type AccountMessages, en } from './en.ts';

const MESSAGES: Readonly<Record<Language, AccountMessages>> = { en, de };

export const accountTexts = {
  get t(): AccountMessages {
    return MESSAGES[texts.language];
  },
};

/** A refusal in words; what has no words of its own, as the hub said it. */
export function refusalText(error: unknown): string {
  const code = (error as { readonly code?: string }).code ?? '';
  return accountTexts.t.refusals[code] ?? texts.t.somethingFailed(reasonOf(error, texts.t));
}
