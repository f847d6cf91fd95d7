import { journalContract } from './journal.contract.ts';
import { MemoryJournal } from './memory-journal.ts';

journalContract('the journal in memory', async () => {
  const journal = new MemoryJournal();
  return { journal, reopen: async () => journal, async [Symbol.asyncDispose]() {} };
});
