/**
 * Mail that is kept in the browser for reading without a network: only where somebody has asked for it. Records are sealed
 * with AES-GCM under a key that the browser does not give out, and all of it is gone after signing out.
 */
const DATABASE = 'restante-shelf';
const KEPT_AS = 'restante.shelf';
const KEY = 'key';
/** Threads and lists that were looked at last. */
const RECORDS_MAX = 400;
const NONCE_BYTES = 12;

interface Record_ {
  readonly name: string;
  readonly at: number;
  readonly nonce: Uint8Array<ArrayBuffer>;
  readonly sealed: ArrayBuffer;
}

export class Shelf {
  isOn = $state(localStorage.getItem(KEPT_AS) === 'on');
  #opened: Promise<{ readonly database: IDBDatabase; readonly key: CryptoKey }> | undefined;

  async turn(isOn: boolean): Promise<void> {
    localStorage.setItem(KEPT_AS, isOn ? 'on' : 'off');
    this.isOn = isOn;
    if (!isOn) await this.clear();
  }

  async put(name: string, value: unknown): Promise<void> {
    if (!this.isOn) return;
    const { database, key } = await this.#open();
    const nonce = crypto.getRandomValues(new Uint8Array(NONCE_BYTES));
    const bytes = new TextEncoder().encode(JSON.stringify(value));
    const sealed = await crypto.subtle.encrypt(
      { name: 'AES-GCM', iv: nonce, additionalData: nameBytes(name) },
      key,
      bytes,
    );
    const store = database.transaction('records', 'readwrite').objectStore('records');
    await done(store.put({ name, at: Date.now(), nonce, sealed } satisfies Record_));
    await this.#forgetOldest(database);
  }

  /** Undefined when it is not kept. */
  async get<Value>(name: string): Promise<Value | undefined> {
    if (!this.isOn) return undefined;
    const { database, key } = await this.#open();
    const kept = (await done(database.transaction('records').objectStore('records').get(name))) as Record_ | undefined;
    if (kept === undefined) return undefined;
    const algorithm = { name: 'AES-GCM', iv: kept.nonce, additionalData: nameBytes(name) };
    return JSON.parse(new TextDecoder().decode(await crypto.subtle.decrypt(algorithm, key, kept.sealed))) as Value;
  }

  /** Mail and key. */
  async clear(): Promise<void> {
    const opened = await this.#opened?.catch(() => undefined); // what cannot be opened is deleted all the same
    opened?.database.close();
    this.#opened = undefined;
    await done(indexedDB.deleteDatabase(DATABASE));
  }

  #open(): Promise<{ readonly database: IDBDatabase; readonly key: CryptoKey }> {
    this.#opened ??= openShelf();
    return this.#opened;
  }

  async #forgetOldest(database: IDBDatabase): Promise<void> {
    const store = database.transaction('records', 'readwrite').objectStore('records');
    const names = (await done(store.index('at').getAllKeys())) as string[];
    await Promise.all(names.slice(0, Math.max(0, names.length - RECORDS_MAX)).map((name) => done(store.delete(name))));
  }
}

async function openShelf(): Promise<{ readonly database: IDBDatabase; readonly key: CryptoKey }> {
  const opening = indexedDB.open(DATABASE, 1);
  opening.onupgradeneeded = () => {
    opening.result.createObjectStore('records', { keyPath: 'name' }).createIndex('at', 'at');
    opening.result.createObjectStore('keys');
  };
  const database = await done(opening);
  const kept = (await done(database.transaction('keys').objectStore('keys').get(KEY))) as CryptoKey | undefined;
  if (kept !== undefined) return { database, key: kept };
  const key = await crypto.subtle.generateKey({ name: 'AES-GCM', length: 256 }, false, ['encrypt', 'decrypt']);
  await done(database.transaction('keys', 'readwrite').objectStore('keys').put(key, KEY));
  return { database, key };
}

function nameBytes(name: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(name);
}

function done<Result>(request: IDBRequest<Result>): Promise<Result> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}
