/** What is looked at, as the part of the address behind `#`: the browser's back and forward work, and nothing reaches a server. */
export interface Route {
  /** A mailbox's role or id. */
  readonly mailbox: string;
  readonly search: string | undefined;
  readonly threadId: string | undefined;
}

const START: Route = { mailbox: 'inbox', search: undefined, threadId: undefined };

export class Router {
  route = $state.raw<Route>(parseRoute(location.hash));

  constructor() {
    window.addEventListener('hashchange', () => {
      this.route = parseRoute(location.hash);
    });
  }

  go(route: Partial<Route>): void {
    location.hash = spellRoute({ ...START, ...route });
  }

  /** The thread is changed in place when another one is open: back leads to the list. */
  open(threadId: string | undefined): void {
    const next = { ...this.route, threadId };
    if (this.route.threadId === undefined || threadId === undefined) location.hash = spellRoute(next);
    else {
      history.replaceState(null, '', spellRoute(next));
      this.route = next;
    }
  }
}

export function spellRoute({ mailbox, search, threadId }: Route): string {
  const place = search === undefined ? `#/in/${encodeURIComponent(mailbox)}` : `#/search/${encodeURIComponent(search)}`;
  return threadId === undefined ? place : `${place}/${encodeURIComponent(threadId)}`;
}

function parseRoute(hash: string): Route {
  const [, kind, value = '', thread] = hash.split('/');
  const threadId = thread === undefined || thread === '' ? undefined : decode(thread);
  if (kind === 'search') return { ...START, search: decode(value), threadId };
  return kind === 'in' && value !== '' ? { ...START, mailbox: decode(value), threadId } : START;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // typed by hand
  }
}
