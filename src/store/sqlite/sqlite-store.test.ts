import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import { SILENT_LOG } from '../../base/index.ts';
import { storeContract } from '../store.contract.ts';
import { SqliteStore } from './sqlite-store.ts';

const root = mkdtempSync(join(tmpdir(), 'restante-store-'));
afterAll(() => rmSync(root, { recursive: true }));

let count = 0;
storeContract('SqliteStore', () => SqliteStore.open({ log: SILENT_LOG }, { folder: join(root, String(count++)) }));
