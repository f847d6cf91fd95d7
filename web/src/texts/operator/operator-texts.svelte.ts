/** The texts of the operator's page, in the page's language. */
import { type Language, texts } from '../texts.svelte.ts';
import { de } from './de.ts';
import { en, type OperatorMessages } from './en.ts';

const MESSAGES: Readonly<Record<Language, OperatorMessages>> = { en, de };

export const operatorTexts = {
  get t(): OperatorMessages {
    return MESSAGES[texts.language];
  },
};
