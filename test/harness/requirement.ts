/**
 * What a test needs of the machine: a program, a right. Without it the test is skipped, and a line says which and why; with
 * CI=true it is run all the same and fails, since CI has to have everything.
 */
export function skipWithout(has: boolean, { test, lack }: { readonly test: string; readonly lack: string }): boolean {
  if (has || process.env.CI === 'true') return false;
  console.warn(`skipped: ${test}, because ${lack}`);
  return true;
}
