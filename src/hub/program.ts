/** Where the program of a user server is: compiled, beside this file or under dist. */
import { fileURLToPath } from 'node:url';
import { workerUrl } from '../base/system/index.ts';

export function userServerProgram(): string {
  return fileURLToPath(workerUrl('./user-server/main.ts', import.meta.url));
}
