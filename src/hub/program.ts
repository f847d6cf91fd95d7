/** Where the program of a user server and the files of the page are: in dist/, once built. */
import { fileURLToPath } from 'node:url';
import { builtUrl, workerUrl } from '../base/system/index.ts';

export function userServerProgram(): string {
  return fileURLToPath(workerUrl('./user-server/main.ts', import.meta.url));
}

/** Where the web page was built to. */
export function pageFolder(): string {
  return fileURLToPath(builtUrl('../web', import.meta.url));
}
