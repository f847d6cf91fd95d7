/** What is looked at, as the part of the address behind `#`: the browser's back and forward work, and nothing reaches a server. */
import { decoded } from '../format/escapes.ts';

export interface Route {
  /** Undefined: all accounts, where there are several. */
  readonly account: string | undefined;
  /** A mailbox's role or id; of all accounts a role. */
  readonly mailbox: string;
  readonly search: string | undefined;
  /** `account:thread`. */
  readonly threadKey: string | undefined;
}

const START: Route = { account: undefined, mailbox: 'inbox', search: undefined, threadKey: undefined };

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
  open(threadKey: string | undefined): void {
    const next = { ...this.route, threadKey };
    if (this.route.threadKey === undefined || threadKey === undefined) location.hash = spellRoute(next);
    else {
      history.replaceState(null, '', spellRoute(next));
      this.route = next;
    }
  }
}

export function spellRoute({ account, mailbox, search, threadKey }: Route): string {
  const where = account === undefined ? '' : `/at/${encodeURIComponent(account)}`;
  const what = search === undefined ? `/in/${encodeURIComponent(mailbox)}` : `/search/${encodeURIComponent(search)}`;
  return `#${where}${what}${threadKey === undefined ? '' : `/${encodeURIComponent(threadKey)}`}`;
}

function parseRoute(hash: string): Route {
  const parts = hash.split('/').slice(1).map(decoded);
  const account = parts[0] === 'at' && parts[1] !== undefined ? parts[1] : undefined;
  const [kind, value = '', thread = ''] = account === undefined ? parts : parts.slice(2);
  const threadKey = thread === '' ? undefined : thread;
  if (kind === 'search') return { ...START, account, search: value, threadKey };
  return kind === 'in' && value !== '' ? { ...START, account, mailbox: value, threadKey } : { ...START, account };
}
