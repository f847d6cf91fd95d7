/** Tests of the page: those of a file share a home, which opens with the first of them and ends with the last. */
import { test as plain } from 'vitest';
import { skipWithout } from './requirement.ts';
import { hasChromium } from './web-browser.ts';
import { WebHome } from './web-home.ts';

/** They need a browser to look at the page with. */
export const LACKS_CHROMIUM = skipWithout(hasChromium(), { test: 'the page', lack: 'there is no chromium' });

export const test = plain
  .extend('registration', { scope: 'file' }, 'open' as 'open' | 'invite')
  .extend('home', { scope: 'file' }, async ({ registration }, { onCleanup }) => {
    const home = await WebHome.open(registration);
    onCleanup(() => home[Symbol.asyncDispose]());
    return home;
  });
