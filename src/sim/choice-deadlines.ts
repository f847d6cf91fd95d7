/** The rules of node choice that time and wishes set: the loop, the rests, leaving and going back, obeying at once. */
import {
  assert,
  type CheckedStep,
  type ChoiceBooks,
  CONNECT_LIMIT_MS,
  HEARTBEAT_MS,
  isWishFor,
  LOOP_MS,
  PING_LIMIT_MS,
  REST_AFTER_CONNECT_MS,
  REST_AFTER_FAILURE_MS,
  USER_EVENTS,
  WATCH_MS,
} from './choice-books.ts';

/** Two probes and the pings to the others: what leaving takes once the loop has come. */
const LEAVING_MS = 3 * PING_LIMIT_MS + 50;
/** What may stand between a node and its connection: a loop, an attempt that hangs, a search. */
export const REACHING_MS = LOOP_MS + CONNECT_LIMIT_MS + 2 * PING_LIMIT_MS;

/** After every step, when the books have taken it. */
export function checkDeadlines(books: ChoiceBooks, step: CheckedStep): void {
  checkRests(books, step);
  checkSchedule(books, step);
  checkWish(books, step);
  checkFaults(books, step);
  checkPinned(books, step);
}

function checkRests(books: ChoiceBooks, step: CheckedStep): void {
  const { after, before, effects, event, moment } = step;
  const refused = effects.some((effect) => effect.type === 'notify' && effect.notice.type === 'refused');
  if (USER_EVENTS.has(event.type) && !refused)
    for (const [name, { rest }] of after.nodes) assert(rest === undefined, 'a wish ends all rests', { name, rest });
  if (event.type === 'connected' && before.link !== after.link && after.link.at === 'connected')
    assert(after.nodes.get(after.link.node)?.rest?.cause === 'connected', 'a node rests after a connect', after.link);
  for (const [name, record] of after.nodes) {
    const old = before.nodes.get(name)?.rest;
    if (record.rest === old) continue;
    if (record.rest === undefined) {
      assert(USER_EVENTS.has(event.type), 'only a wish ends a rest', { name, old });
      continue;
    }
    if (record.rest.cause === 'failed' && name === books.pin) books.borrowing = true;
    const restMs = record.rest.cause === 'failed' ? REST_AFTER_FAILURE_MS : REST_AFTER_CONNECT_MS;
    assert(
      record.rest.until === moment.at + restMs,
      'rests last 10 s after a connect and 3 min after a failure',
      record,
    );
    assert(
      (record.rest.cause === 'connected') === (event.type === 'connected' && event.store),
      'rest by cause',
      record,
    );
  }
}

/** The loop keeps its own schedule; without a node, tries go on each 10 s and offline is said. */
function checkSchedule(books: ChoiceBooks, step: CheckedStep): void {
  const { after, before, moment } = step;
  assert(
    after.nextLoopAt >= before.nextLoopAt || after.nextLoopAt === moment.at + LOOP_MS || after.nextLoopAt === moment.at,
    'the loop goes on',
    after.nextLoopAt,
  );
  assert(after.nextLoopAt <= moment.at + LOOP_MS, 'the next loop is at most 10 s away', after.nextLoopAt);
  if (after.link.at === 'connected') books.lastConnectedAt = moment.at;
  if (after.link.at !== 'disconnected') {
    books.tryingAt = moment.at;
    return;
  }
  assert(books.offlineSaid, 'a try ended without a node, and offline was not said', after);
  const waits = after.pin !== undefined && after.nodes.get(after.pin.node)?.rest?.cause === 'connected';
  const allowedMs = LOOP_MS + (waits ? REST_AFTER_CONNECT_MS : 0);
  assert(moment.at - books.tryingAt <= allowedMs, 'tries go on each 10 s', { tryingAt: books.tryingAt });
}

/** A person's wish acts in the same step. */
function checkWish(books: ChoiceBooks, step: CheckedStep): void {
  books.unasked ||= isWishFor(step, books.pin);
  const { after, effects, event } = step;
  if (event.type === 'choose' && !books.nodes.has(event.node))
    assert(
      effects.every(
        (effect) => effect.type === 'probe' || (effect.type === 'notify' && effect.notice.type === 'refused'),
      ),
      'a node outside the list changes nothing',
      effects,
    );
  else if (event.type === 'pin' || event.type === 'choose')
    assert(
      (after.link.at === 'connecting' || after.link.at === 'connected') && after.link.node === event.node,
      'a chosen node is connected to at once',
      after.link,
    );
  else if (event.type === 'unpin' || event.type === 'retry') {
    assert(after.link.at !== 'disconnected', 'a wish to try again is a try', after.link);
    if (event.type === 'retry' && after.link.at === 'connected')
      assert(
        effects.some((effect) => effect.type === 'probe'),
        'a wish to try again is a probe',
        effects,
      );
  }
}

/** A dead, slow, failing or half-serving node is left within one loop, when there is another. */
function checkFaults(books: ChoiceBooks, step: CheckedStep): void {
  const { moment, silentSince } = step;
  const active = books.active;
  if (active?.connectedAt === undefined) return;
  if (silentSince !== undefined) {
    const silentMs = moment.at - Math.max(silentSince, books.disturbedAt);
    assert(silentMs <= 2 * HEARTBEAT_MS + 2_000, 'missed heartbeats end a connection', active);
    const slept = silentSince <= books.sleptAt && active.connectedAt <= books.sleptAt;
    assert(
      !slept || silentMs <= WATCH_MS + 2 * PING_LIMIT_MS,
      'silence after a sleep ends a connection at once',
      active,
    );
  }
  const faultAt = books.faultAt(active, silentSince);
  if (faultAt === undefined) return;
  const since = Math.max(faultAt, books.disturbedAt);
  if (moment.at <= since + LOOP_MS + LEAVING_MS) return;
  assert(!hasOther(books, step, active.node, since), 'a faulty node is left within one loop', { active, faultAt });
}

/** Somebody whom the pings of a whole loop must have found. */
function hasOther(books: ChoiceBooks, step: CheckedStep, active: string, since: number): boolean {
  return [...books.nodes.values()].some((node) => {
    if (node.name === active || node.changedAt > since) return false;
    const rest = step.after.nodes.get(node.name)?.rest;
    if (rest !== undefined && rest.until > since) return false;
    const complete = (books.completeness.get(node.name) ?? 1) === 1;
    return node.up && node.store && complete && node.rttMs < PING_LIMIT_MS;
  });
}

/** The pinned node is gone back to when it answers again. */
function checkPinned(books: ChoiceBooks, step: CheckedStep): void {
  const { after, moment } = step;
  const pin = books.pin;
  const node = pin === undefined ? undefined : books.nodes.get(pin);
  if (node === undefined || books.chosen !== undefined) return;
  if (!(node.up && node.accepts && node.store && node.whole && node.rttMs < 2_000)) return;
  const rest = after.nodes.get(node.name)?.rest;
  const freeAt = Math.max(node.changedAt, rest?.until ?? 0, books.disturbedAt);
  // While nobody is connected, attempts at others may hang one after the other; each of them rests then.
  const hangingMs = books.active?.connectedAt === undefined ? books.nodes.size * CONNECT_LIMIT_MS : 0;
  const since = Math.max(freeAt, books.active?.connectedAt ?? 0);
  if (moment.at <= since + REACHING_MS + 3 * node.rttMs + hangingMs) return;
  assert(books.active?.node === pin, 'a pinned node that answers again is gone back to', { freeAt, node });
}
