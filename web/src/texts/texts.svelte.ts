/** The language of the page: the browser's, unless somebody has chosen another. */
import { de } from './de.ts';
import { en, type Messages } from './en.ts';

export const LANGUAGES = { en: 'English', de: 'Deutsch' } as const;
export type Language = keyof typeof LANGUAGES;

const KEPT_AS = 'restante.language';
const MESSAGES: Readonly<Record<Language, Messages>> = { en, de };

export class Texts {
  language = $state<Language>(chosen());

  get t(): Messages {
    return MESSAGES[this.language];
  }

  /** For dates: the browser's own variant of the language where it is the same. */
  get locale(): string {
    return navigator.languages.find((locale) => locale.split('-')[0] === this.language) ?? this.language;
  }

  choose(language: Language): void {
    this.language = language;
    localStorage.setItem(KEPT_AS, language);
    document.documentElement.lang = language;
  }
}

function chosen(): Language {
  const wanted = [localStorage.getItem(KEPT_AS), ...navigator.languages].map((locale) => locale?.split('-')[0]);
  return (wanted.find((language) => language !== undefined && language in LANGUAGES) ?? 'en') as Language;
}

export const texts = new Texts();
