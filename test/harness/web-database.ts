/** What a database of the browser holds, as it stands there: sealed, in Latin 1. Empty when it has no records. */
import type { Page } from 'playwright-core';

export function sealedRecords(page: Page, database: string): Promise<string> {
  return page.evaluate<string>(`new Promise((resolve, reject) => {
    const opening = indexedDB.open(${JSON.stringify(database)});
    opening.onerror = () => reject(opening.error);
    opening.onsuccess = () => {
      const all = opening.result.transaction('records').objectStore('records').getAll();
      all.onerror = () => reject(all.error);
      all.onsuccess = () => {
        // One that stays open would keep the page from deleting it.
        opening.result.close();
        resolve(all.result.map(({ sealed }) => new TextDecoder('latin1').decode(sealed)).join());
      };
    };
  })`);
}
