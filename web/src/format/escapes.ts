/** Percent escapes of addresses; what is typed by hand or made carelessly has some that are none, which stand for themselves. */
export function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
