/**
 * Node choice (design, client; README.md lists the rules): `step(state, event, now)` makes the next state and says what
 * is to be done. Pure: no clock, no randomness and no network but what `now` and the events carry. Total: an event that
 * fits no more (an old answer, an unknown node) changes nothing.
 */
import { unreachable } from '../../base/index.ts';
import type { ChoiceEffect, ChoiceEvent, ChoiceState, Link, Look, Round } from './choice-state.ts';
import { LOOP_MS, PINNED_LOOPS } from './limits.ts';
import { hear, judge, openLiveness } from './liveness.ts';
import { clockJumped, type Moment } from './moment.ts';
import { Turn } from './turn.ts';

export interface Step {
  readonly state: ChoiceState;
  /** In the order in which they are to be performed. */
  readonly effects: readonly ChoiceEffect[];
}

export function step(state: ChoiceState, event: ChoiceEvent, now: Moment): Step {
  const turn = new Turn(state, now);
  lookAtClocks(turn);
  take(turn, event);
  return { state: turn.state, effects: turn.effects };
}

function take(turn: Turn, event: ChoiceEvent): void {
  switch (event.type) {
    case 'tick':
      takeTick(turn);
      break;
    case 'nodes':
      takeNodes(turn, event);
      break;
    case 'pin':
    case 'choose':
      takeChoice(turn, event);
      break;
    case 'unpin':
      takeUnpin(turn);
      break;
    case 'retry':
      takeRetry(turn);
      break;
    case 'pong':
    case 'pingFailed':
      takePing(turn, event);
      break;
    case 'connected':
      takeConnected(turn, event);
      break;
    case 'connectFailed':
      takeEnd(turn, event.attempt, false);
      break;
    case 'closed':
      takeEnd(turn, event.attempt, event.refused);
      break;
    case 'heard':
    case 'requestFailed':
    case 'requestDone':
      takeSign(turn, event);
      break;
    case 'completeness':
      takeCompleteness(turn, event);
      break;
    default:
      unreachable(event);
  }
}

/** After a sleep nothing is believed: a connection is probed now, a missing one looked for now. */
function lookAtClocks(turn: Turn): void {
  const { state, now } = turn;
  const jumped = clockJumped(state.seen, now);
  turn.set({ seen: { at: now.at, wallMs: now.wallMs } });
  if (!jumped) return;
  if (state.link.at === 'connected') turn.probe(state.link, true);
  else if (state.link.at === 'disconnected') turn.set({ nextLoopAt: now.at });
}

/** What is due: the ends of pings and attempts, the judgement of the connection, a quick try, the loop. */
function takeTick(turn: Turn): void {
  const { at } = turn.now;
  const { link } = turn.state;
  switch (link.at) {
    case 'disconnected':
      if (link.retryAt !== undefined && at >= link.retryAt) turn.search(false);
      break;
    case 'searching':
      if (at >= link.round.endsAt) turn.concludeSearch(link);
      break;
    case 'connecting':
      if (at >= link.endsAt) {
        turn.drop();
        attemptFailed(turn, link);
      }
      break;
    case 'connected':
      judgeConnection(turn, link);
      break;
    default:
      unreachable(link);
  }
  if (at >= turn.state.nextLoopAt) loop(turn);
}

function judgeConnection(turn: Turn, before: Extract<Link, { at: 'connected' }>): void {
  const { liveness, verdict } = judge(before.liveness, turn.now);
  const link = { ...before, liveness };
  turn.setLink(link);
  if (verdict === 'dead') {
    turn.drop();
    turn.searchAfterCut();
    return;
  }
  if (verdict === 'probe') turn.sendProbe(link);
  if (link.look !== undefined && turn.now.at >= link.look.round.endsAt) turn.concludeLook(link, link.look);
  else if (verdict === 'suspect') leaveIfFaulty(turn);
}

/** The loop of the seed: on its own schedule; connected, it only asks whether that is still so. */
function loop(turn: Turn): void {
  const { state, now } = turn;
  const behind = now.at - state.nextLoopAt >= LOOP_MS;
  turn.set({ nextLoopAt: behind ? now.at + LOOP_MS : state.nextLoopAt + LOOP_MS });
  const { link, pin } = state;
  if (link.at !== 'connected') {
    turn.set({ awayLoops: state.awayLoops + 1 });
    if (pin !== undefined) turn.set({ pin: { ...pin, awayLoops: pin.awayLoops + 1 } });
    if (link.at === 'disconnected') turn.search(true);
    return;
  }
  if (link.liveness.probe === undefined) turn.probe(link, false);
  leaveIfFaulty(turn);
  const kept = turn.state.link;
  if (kept.at === 'connected' && kept.look === undefined && kept.cause === 'borrow') turn.lookForPinned(kept);
}

function takeNodes(turn: Turn, event: ChoiceEventOf<'nodes'>): void {
  const before = turn.state;
  turn.setNodes(event.nodes);
  const { link } = before;
  if (link.at === 'disconnected' || link.at === 'searching') turn.search(false);
  else if (before.nodes.get(link.node)?.url !== turn.state.nodes.get(link.node)?.url) {
    turn.drop();
    turn.searchAfterCut();
  } else if (link.at === 'connected') turn.setLink({ ...link, look: undefined });
}

function takeChoice(turn: Turn, event: ChoiceEventOf<'pin' | 'choose'>): void {
  const { node, type } = event;
  if (!turn.state.nodes.has(node)) {
    turn.notify({ type: 'refused', node });
    return;
  }
  turn.clearRests();
  const { pin } = turn.state;
  if (type === 'pin') turn.set({ pin: { node, awayLoops: 0, borrowing: false } });
  // Whoever chooses another for now lends the wish: it is kept, and the pinned node need not be waited for.
  else if (pin !== undefined) turn.set({ pin: { ...pin, borrowing: pin.node !== node } });
  turn.connectTo(node, turn.state.pin?.node === node ? 'pin' : 'person');
}

function takeUnpin(turn: Turn): void {
  turn.clearRests();
  turn.set({ pin: undefined });
  const { link } = turn.state;
  if (link.at === 'connected' || link.at === 'connecting') turn.setLink({ ...link, cause: 'loop' });
  else turn.search(true);
}

/** Whoever asks again hears again that nobody answers: else the question would wait for an answer that was given before. */
function takeRetry(turn: Turn): void {
  turn.clearRests();
  const { absence } = turn.state;
  if (absence !== undefined) turn.set({ absence: { ...absence, said: false } });
  const { link } = turn.state;
  if (link.at === 'disconnected' || link.at === 'searching') turn.search(true);
  if (link.at !== 'connected') return;
  turn.probe(link, true);
  const probed = turn.state.link;
  if (link.cause === 'borrow' && probed.at === 'connected') turn.lookForPinned(probed);
}

function takePing(turn: Turn, event: ChoiceEventOf<'pong' | 'pingFailed'>): void {
  const { link } = turn.state;
  const round = roundOf(link);
  if (round?.id !== event.round || !round.open.has(event.node)) return;
  const open = new Set(round.open);
  open.delete(event.node);
  const answers = new Map(round.answers);
  if (event.type === 'pong') {
    turn.setRecord(event.node, { rttMs: event.rttMs });
    if (event.store && event.rttMs < round.limitMs) answers.set(event.node, event.rttMs);
  }
  const next: Round = { ...round, open, answers };
  if (link.at === 'searching') {
    const searching = { ...link, round: next };
    turn.setLink(searching);
    if (open.size === 0) turn.concludeSearch(searching);
  } else if (link.at === 'connected' && link.look !== undefined) {
    const look: Look = { ...link.look, round: next };
    turn.setLink({ ...link, look });
    if (open.size === 0) turn.concludeLook({ ...link, look }, look);
  }
}

function takeConnected(turn: Turn, event: ChoiceEventOf<'connected'>): void {
  const { link, pin } = turn.state;
  if (link.at !== 'connecting' || link.attempt !== event.attempt) return;
  const { node } = link;
  if (!event.store) {
    turn.drop();
    attemptFailed(turn, link);
    return;
  }
  const cause = link.cause === 'return' ? 'pin' : link.cause;
  const liveness = openLiveness(turn.now, event.heartbeatMs);
  turn.setLink({ at: 'connected', node, attempt: link.attempt, cause, liveness, failedRequests: 0, look: undefined });
  if (pin?.node === node) turn.set({ pin: { node, awayLoops: 0, borrowing: false } });
  turn.set({ absence: undefined, awayLoops: 0, quickTries: 0 });
  turn.rest(node, 'connected');
  turn.setRecord(node, { completeness: 1 });
  turn.notify({ type: 'state', node, state: 'connected' });
  turn.notify({ type: 'mailserverAvailable', node });
}

/** An attempt failed or a connection ended. A cut is the network's as often as the node's, so nobody rests for it. */
function takeEnd(turn: Turn, attempt: number, refused: boolean): void {
  const { link } = turn.state;
  if ((link.at !== 'connecting' && link.at !== 'connected') || link.attempt !== attempt) return;
  turn.lost();
  if (link.at === 'connecting') {
    attemptFailed(turn, link);
    return;
  }
  if (refused) turn.rest(link.node, 'failed');
  turn.searchAfterCut();
}

/**
 * The wish, tried unasked, is only away: it does not rest, and after three loops another is borrowed. Any other node
 * answered a ping before: it failed, rests, and the next is looked for at once.
 */
function attemptFailed(turn: Turn, link: Extract<Link, { at: 'connecting' }>): void {
  const { pin } = turn.state;
  if (link.cause !== 'pin' || pin === undefined) {
    turn.rest(link.node, 'failed');
    turn.search(false);
  } else if (pin.borrowing || pin.awayLoops < PINNED_LOOPS) turn.foundNobody();
  else {
    turn.set({ pin: { ...pin, borrowing: true } });
    turn.search(false);
  }
}

function takeSign(turn: Turn, event: ChoiceEventOf<'heard' | 'requestFailed' | 'requestDone'>): void {
  const { link } = turn.state;
  if (link.at !== 'connected' || link.attempt !== event.attempt) return;
  switch (event.type) {
    case 'heard':
      turn.setLink({ ...link, liveness: hear(link.liveness, turn.now, event.rttMs) });
      break;
    case 'requestDone':
      turn.setLink({ ...link, failedRequests: 0 });
      break;
    case 'requestFailed':
      turn.setLink({ ...link, failedRequests: link.failedRequests + 1 });
      leaveIfFaulty(turn);
      break;
    default:
      unreachable(event);
  }
}

function takeCompleteness(turn: Turn, event: ChoiceEventOf<'completeness'>): void {
  const { held, known, node } = event;
  turn.setRecord(node, { completeness: known <= 0 ? 1 : Math.min(1, Math.max(0, held) / known) });
  leaveIfFaulty(turn);
}

/** Starts to look for another node, unless that is under way. */
function leaveIfFaulty(turn: Turn): void {
  const { link } = turn.state;
  if (link.at !== 'connected' || link.look?.purpose === 'replace') return;
  if (turn.faultOf(link) !== undefined) turn.lookForAnother(link);
}

function roundOf(link: Link): Round | undefined {
  if (link.at === 'searching') return link.round;
  return link.at === 'connected' ? link.look?.round : undefined;
}

type ChoiceEventOf<Type extends ChoiceEvent['type']> = Extract<ChoiceEvent, { type: Type }>;
