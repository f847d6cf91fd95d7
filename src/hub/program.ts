/** Where the program of a user server and the files of the page are: compiled, beside this file or under dist. */
import { fileURLToPath } from 'node:url';
import { workerUrl } from '../base/system/index.ts';

export function userServerProgram(): string {
  return fileURLToPath(workerUrl('./user-server/main.ts', import.meta.url));
}

/** Where the web page was built to. */
export function pageFolder(): string {
  return fileURLToPath(new URL('../web', workerUrl('./program.ts', import.meta.url)));
}
