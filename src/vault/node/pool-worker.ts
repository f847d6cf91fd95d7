/** One thread of the pool: the in-thread worker behind messages. It holds the account's secrets until it ends. */
import { parentPort, workerData } from 'node:worker_threads';
import { invariant } from '../../base/index.ts';
import { SodiumSuite, SystemClock, SystemRandom } from '../../base/system/index.ts';
import { decodeAccountSecrets } from '../account-secrets.ts';
import { InThreadBodyWorker } from '../body-worker.ts';
import { CertificateCache } from '../certificate-cache.ts';
import {
  type JobMessage,
  type JobResult,
  type PlainCertificate,
  type PoolToThread,
  plainError,
  type ThreadData,
  type ThreadToPool,
} from './pool-messages.ts';

invariant(parentPort !== null, 'pool-worker.ts runs as a thread of the pool');
const port = parentPort;
const secrets = decodeAccountSecrets(new SodiumSuite(), (workerData as ThreadData).secrets);
const worker = new InThreadBodyWorker({ clock: new SystemClock(), random: new SystemRandom() }, { secrets });
const cache = new CertificateCache();
const EMPTY = new Uint8Array(0);

port.on('message', (message: PoolToThread) => void answer(message));
port.postMessage({ kind: 'ready' } satisfies ThreadToPool);

async function answer({ id, job }: PoolToThread): Promise<void> {
  try {
    const result = await work(job);
    // A copy of its own, so that the bytes move to the other thread instead of being cloned with all they are a view of.
    const bytes = result.bytes.slice();
    port.postMessage({ kind: 'done', id, result: { ...result, bytes } } satisfies ThreadToPool, [bytes.buffer]);
  } catch (error) {
    port.postMessage({ kind: 'failed', id, error: plainError(error) } satisfies ThreadToPool);
  }
}

async function work(job: JobMessage): Promise<JobResult> {
  if (job.kind === 'seal') {
    const certificates = await Promise.all(job.certificates.map(parse));
    return { bytes: await worker.seal({ ...job, certificates }) };
  }
  if (job.kind === 'read') return { bytes: EMPTY, reading: await worker.read(job.mime, job.charactersMax) };
  const signers = await Promise.all(job.signers.map(parse));
  const opened = await worker.open({ body: job.body, signers, binding: job.binding });
  return { bytes: opened.mime, verification: opened.verification };
}

function parse({ hash, bytes }: PlainCertificate): ReturnType<CertificateCache['parse']> {
  return cache.parseHashed(hash, bytes);
}
