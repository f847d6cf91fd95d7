/**
 * Records in the browser's database, sealed with AES-GCM under a key that the browser does not give out. One database for
 * each purpose and person. After `destroy` nothing is written any more, whatever was under way, and nothing is left: what
 * another window holds open is emptied at once, and goes away as soon as that window lets go, which it does by itself.
 */
const KEY = 'key';
const NONCE_BYTES = 12;

interface SealedRecord {
  readonly name: string;
  readonly at: number;
  readonly nonce: Uint8Array<ArrayBuffer>;
  readonly sealed: ArrayBuffer;
}

interface Opened {
  readonly database: IDBDatabase;
  readonly key: CryptoKey;
}

export class SealedRecords {
  readonly #databaseName: string;
  #opened: Promise<Opened> | undefined;
  #isDestroyed = false;
  /** What is being read and written: destroying waits for it. */
  readonly #underWay = new Set<Promise<unknown>>();

  constructor(databaseName: string) {
    this.#databaseName = databaseName;
  }

  put(name: string, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    return this.#with(undefined, async ({ database, key }) => {
      const nonce = crypto.getRandomValues(new Uint8Array(NONCE_BYTES));
      const sealed = await crypto.subtle.encrypt(sealing(name, nonce), key, bytes);
      const record: SealedRecord = { name, at: Date.now(), nonce, sealed };
      await changed(database, (records) => records.put(record));
    });
  }

  putJson(name: string, value: unknown): Promise<void> {
    return this.put(name, new TextEncoder().encode(JSON.stringify(value)));
  }

  /** Undefined when it is not kept. */
  get(name: string): Promise<ArrayBuffer | undefined> {
    return this.#with(undefined, async ({ database, key }) => {
      const record = await done<SealedRecord | undefined>(recordsOf(database).get(name));
      return record && crypto.subtle.decrypt(sealing(name, record.nonce), key, record.sealed);
    });
  }

  async getJson<Value>(name: string): Promise<Value | undefined> {
    const bytes = await this.get(name);
    return bytes === undefined ? undefined : (JSON.parse(new TextDecoder().decode(bytes)) as Value);
  }

  /** The oldest first. */
  names(): Promise<readonly string[]> {
    return this.#with([], ({ database }) => done(recordsOf(database).index('at').getAllKeys() as IDBRequest<string[]>));
  }

  delete(names: readonly string[]): Promise<void> {
    return this.#with(undefined, ({ database }) =>
      changed(database, (records) => {
        for (const name of names) records.delete(name);
      }),
    );
  }

  /** Records and key; for good. */
  async destroy(): Promise<void> {
    this.#isDestroyed = true;
    await Promise.allSettled(this.#underWay);
    // What cannot be opened is deleted all the same.
    const opened = await this.#opened?.catch(() => undefined);
    if (opened !== undefined) await emptied(opened.database);
    opened?.database.close();
    await deleted(this.#databaseName);
  }

  async #with<Result>(whenDestroyed: Result, work: (opened: Opened) => Promise<Result>): Promise<Result> {
    if (this.#isDestroyed) return whenDestroyed;
    const working = this.#open().then(work);
    this.#underWay.add(working);
    try {
      return await working;
    } finally {
      this.#underWay.delete(working);
    }
  }

  #open(): Promise<Opened> {
    this.#opened ??= openDatabase(this.#databaseName, () => {
      this.#opened = undefined;
    }).catch((error: unknown) => {
      this.#opened = undefined;
      throw error;
    });
    return this.#opened;
  }
}

/** `onTaken`: another window destroys it; what this one does later begins anew. */
async function openDatabase(name: string, onTaken: () => void): Promise<Opened> {
  const opening = indexedDB.open(name, 1);
  opening.onupgradeneeded = () => {
    opening.result.createObjectStore('records', { keyPath: 'name' }).createIndex('at', 'at');
    opening.result.createObjectStore('keys');
  };
  const database = await done(opening);
  database.onversionchange = () => {
    database.close();
    onTaken();
  };
  return { database, key: await keyOf(database) };
}

/** Two windows that open it for the first time keep one key: whoever comes second takes the first one's. */
async function keyOf(database: IDBDatabase): Promise<CryptoKey> {
  const made = await crypto.subtle.generateKey({ name: 'AES-GCM', length: 256 }, false, ['encrypt', 'decrypt']);
  const keys = database.transaction('keys', 'readwrite').objectStore('keys');
  const kept = await done<CryptoKey | undefined>(keys.get(KEY));
  if (kept !== undefined) return kept;
  await done(keys.put(made, KEY));
  return made;
}

async function emptied(database: IDBDatabase): Promise<void> {
  let emptying: IDBTransaction;
  try {
    emptying = database.transaction(['records', 'keys'], 'readwrite');
  } catch (error) {
    // Another window has destroyed it already, and this connection was closed for that.
    if (error instanceof DOMException && error.name === 'InvalidStateError') return;
    throw error;
  }
  emptying.objectStore('records').clear();
  emptying.objectStore('keys').clear();
  await committed(emptying);
}

function deleted(name: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const deleting = indexedDB.deleteDatabase(name);
    deleting.onsuccess = () => resolve();
    deleting.onerror = () => reject(deleting.error);
    // It is empty. A window that does not let go keeps an empty name, not the person who signs out.
    deleting.onblocked = () => resolve();
  });
}

function sealing(name: string, nonce: Uint8Array<ArrayBuffer>): AesGcmParams {
  return { name: 'AES-GCM', iv: nonce, additionalData: new TextEncoder().encode(name) };
}

function recordsOf(database: IDBDatabase): IDBObjectStore {
  return database.transaction('records').objectStore('records');
}

/** Resolves when it is on the disk, not when it is only accepted: what is said to be kept must outlive the window. */
function changed(database: IDBDatabase, change: (records: IDBObjectStore) => void): Promise<void> {
  const transaction = database.transaction('records', 'readwrite', { durability: 'strict' });
  change(transaction.objectStore('records'));
  return committed(transaction);
}

function committed(transaction: IDBTransaction): Promise<void> {
  return new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve();
    transaction.onerror = () => reject(transaction.error);
    transaction.onabort = () => reject(transaction.error);
  });
}

function done<Result>(request: IDBRequest<Result>): Promise<Result> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}
