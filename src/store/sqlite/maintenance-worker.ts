/** A thread for one long look at the whole store, so that reads and commits go on beside it. */
import { parentPort } from 'node:worker_threads';
import { backUp } from './backup.ts';
import { type CheckReport, checkStore } from './integrity.ts';
import { type SalvageReport, salvage } from './salvage.ts';
import { serveCalls, throwIfEnding } from './store-thread.ts';

export type { CheckReport, SalvageReport };

export type MaintenanceCalls = {
  readonly backup: { readonly request: { readonly from: string; readonly to: string }; readonly reply: object };
  readonly check: { readonly request: { readonly folder: string }; readonly reply: CheckReport };
  readonly salvage: { readonly request: { readonly folder: string }; readonly reply: SalvageReport };
};

serveCalls<MaintenanceCalls>(parentPort, {
  backup: ({ from, to }) => {
    backUp(from, to, throwIfEnding);
    return { reply: {} };
  },
  check: ({ folder }) => ({ reply: checkStore(folder, throwIfEnding) }),
  salvage: ({ folder }) => ({ reply: salvage(folder) }),
});
