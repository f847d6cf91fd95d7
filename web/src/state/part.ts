/** Parts of the page that are loaded when they are needed. */
import { texts } from '../texts/texts.svelte.ts';
import type { Notices } from './notices.svelte.ts';

/** Where the network or a newer build has taken it away that is said; `giveUp` lets it be wanted, and asked for, again. */
export async function part<Part>(notices: Notices, load: () => Promise<Part>, giveUp: () => void): Promise<Part> {
  try {
    return await load();
  } catch (error) {
    giveUp();
    notices.problem(texts.t.partMissing);
    throw error;
  }
}
