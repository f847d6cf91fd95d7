/**
 * The thread of a mail agent, and of joining or making an account: all want the client library, which nothing else of a user
 * server loads. What it is to do comes with its first message, secrets included; its end is their wipe.
 */
import { type MessagePort, parentPort } from 'node:worker_threads';
import { CodedError, invariant, type SecureRandom, untilAborted } from '../../../base/index.ts';
import { type ClientOptions, OUTBOX_SPANS } from '../../../client/index.ts';
import { readFleets } from '../../../client/node/index.ts';
import type { Address } from '../../../protocol/index.ts';
import type { Store } from '../../../store/index.ts';
import { InThreadBodyWorker } from '../../../vault/index.ts';
import { createThreadLog } from '../thread-log.ts';
import { AccountFiles } from './account-files.ts';
import { type Enrolment, type EnrolmentOutcome, enrolUser } from './enrolling.ts';
import { joinUser, openMailStore } from './joining.ts';
import { KeptStore } from './kept-store.ts';
import { MailAgent } from './mail-agent.ts';
import { openThreadDeps, type Reach } from './thread-deps.ts';

export interface MailPlace extends Reach {
  readonly address: Address;
  readonly folder: string;
  readonly cache: 'disk' | 'memory';
  /** Of this host. */
  readonly hostFolder: string;
}

export type MailWork =
  | { readonly task: 'agent'; readonly place: MailPlace; readonly hubKey: Uint8Array; readonly port: MessagePort }
  | { readonly task: 'join'; readonly place: MailPlace; readonly password: string }
  | { readonly task: 'enrol'; readonly place: MailPlace; readonly enrolment: Enrolment };

/** What a thread says besides what its line carries. */
export type MailWorkNews =
  | { readonly type: 'joined'; readonly hubKey: Uint8Array }
  | { readonly type: 'enrolment'; readonly outcome: EnrolmentOutcome }
  | { readonly type: 'refused'; readonly code: string; readonly message: string };

/** In the user's folder. */
const OUTBOX_FILE = 'outbox';

const parent = parentPort;
invariant(parent !== null, 'this file runs in a worker thread');
const say = (news: MailWorkNews): void => parent.postMessage(news);

const log = createThreadLog(parent);

parent.once('message', (work: MailWork) => {
  const stopping = new AbortController();
  parent.once('message', () => stopping.abort());
  perform(work, stopping.signal).then(
    () => parent.close(),
    (error: unknown) => {
      // The end of the thread is what its supervisor sees.
      setImmediate(() => {
        throw error;
      });
    },
  );
});

async function perform(work: MailWork, stopping: AbortSignal): Promise<void> {
  switch (work.task) {
    case 'agent':
      return runAgent(work, stopping);
    case 'join':
      return join(work, stopping);
    case 'enrol':
      return enrol(work, stopping);
  }
}

async function runAgent(
  { hubKey, place, port }: Extract<MailWork, { task: 'agent' }>,
  stopping: AbortSignal,
): Promise<void> {
  const deps = openThreadDeps(log, place);
  const files = new AccountFiles(deps, place);
  const profile = await files.readProfile(hubKey);
  await using store = await openAgentStore(deps, place, hubKey);
  await using _agent = await MailAgent.open(
    {
      ...deps,
      store,
      port,
      openVault: async (secrets) => new InThreadBodyWorker(deps, { secrets }),
      saveProfile: (next) => files.writeProfile(hubKey, next),
    },
    { profile, nodeUrl: place.nodeUrl, ...(await fleetsOf(place)) },
  );
  await untilAborted(stopping);
}

/** A file that cannot be used keeps nobody from their mail. */
async function fleetsOf({ hostFolder }: MailPlace): Promise<Pick<ClientOptions, 'fleets'>> {
  try {
    return { fleets: await readFleets(hostFolder) };
  } catch (error) {
    log.warn({ err: error }, 'the fleets cannot be read: those that ship are used');
    return {};
  }
}

/** Without a cache, only what waits to be sent outlives the process. */
function openAgentStore(
  { random }: { readonly random: SecureRandom },
  place: MailPlace,
  hubKey: Uint8Array,
): Promise<Store> | Store {
  if (place.cache === 'disk') return openMailStore(log, place);
  return KeptStore.open(random, { path: `${place.folder}/${OUTBOX_FILE}`, hubKey, spans: OUTBOX_SPANS });
}

async function join({ password, place }: Extract<MailWork, { task: 'join' }>, stopping: AbortSignal): Promise<void> {
  try {
    say({ type: 'joined', hubKey: await joinUser(openThreadDeps(log, place), { ...place, password }, stopping) });
  } catch (error) {
    if (stopping.aborted) return; // whoever waited no longer does
    if (!(error instanceof CodedError)) throw error;
    say({ type: 'refused', code: error.code, message: error.message });
  }
  await untilAborted(stopping);
}

async function enrol({ enrolment, place }: Extract<MailWork, { task: 'enrol' }>, stopping: AbortSignal): Promise<void> {
  try {
    say({ type: 'enrolment', outcome: await enrolUser(openThreadDeps(log, place), place, enrolment, stopping) });
  } catch (error) {
    if (!stopping.aborted) throw error;
  }
  await untilAborted(stopping);
}
