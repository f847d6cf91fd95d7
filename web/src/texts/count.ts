/** How many there are, in words that are not the same for one. */
export const counting =
  (language: string) =>
  (n: number, one: string, many: string): string =>
    n === 1 ? one : `${n.toLocaleString(language)} ${many}`;
