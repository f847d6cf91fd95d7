/** Light or dark: the device's, unless somebody has chosen. */
export const THEMES = ['system', 'light', 'dark'] as const;
export type ThemeName = (typeof THEMES)[number];

const KEPT_AS = 'restante.theme';

export class Theme {
  name = $state<ThemeName>(kept());

  constructor() {
    this.#apply();
  }

  choose(name: ThemeName): void {
    this.name = name;
    localStorage.setItem(KEPT_AS, name);
    this.#apply();
  }

  #apply(): void {
    if (this.name === 'system') delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = this.name;
  }
}

function kept(): ThemeName {
  const name = localStorage.getItem(KEPT_AS);
  return THEMES.find((known) => known === name) ?? 'system';
}

export const theme = new Theme();
