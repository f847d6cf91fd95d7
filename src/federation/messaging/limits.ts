/** What a person's client waits for when another home is asked on its behalf; below the client's own patience. */
export const LOOKUP_TIMEOUT_MS = 20_000;
