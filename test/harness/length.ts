/** Long runs have two lengths: a short one in the suite, the full one behind `npm run torture`. */
const { MODE } = (import.meta as ImportMeta & { readonly env: { readonly MODE: string } }).env;

export const isFullLength: boolean = MODE === 'torture';

export function runLength(short: number, full: number): number {
  return isFullLength ? full : short;
}
