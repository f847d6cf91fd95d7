import { MemoryStore } from '../store/index.ts';

const all = new Map<string, SqliteStore>();
export class SqliteStore extends MemoryStore {
  static async open(_deps: unknown, options: { folder: string }): Promise<SqliteStore> {
    let store = all.get(options.folder);
    if (store === undefined) {
      store = new SqliteStore();
      all.set(options.folder, store);
    }
    return store;
  }
  async backupTo(_folder: string): Promise<void> {}
  override async [Symbol.asyncDispose](): Promise<void> {}
}
