import { once } from 'node:events';
import { connect } from 'node:net';
import { expect, test } from 'vitest';
import { Certificate } from '../../../test/harness/certificate.ts';
import { ManualClock, SILENT_LOG } from '../../base/index.ts';
import { HEAD_TIMEOUT_MS } from './limits.ts';
import { Listener } from './listener.ts';
import { StrangerList } from './stranger-list.ts';

const unasked = {
  onFrames: () => expect.unreachable(),
  onRequest: () => expect.unreachable(),
  onUpgrade: () => expect.unreachable(),
};

test('a listener that is closed waits for nobody, not even for a TLS handshake', async () => {
  await using certificate = await Certificate.create();
  await using strangers = new StrangerList(new ManualClock(0), { countMax: 9, timeoutMs: HEAD_TIMEOUT_MS });
  const tls = { certFile: certificate.path, keyFile: certificate.keyPath };
  const listener = await Listener.open({ log: SILENT_LOG, strangers }, { host: '127.0.0.1', port: 0, tls }, unasked);
  const { port } = listener;
  const silent = connect(port, '127.0.0.1');
  await once(silent, 'connect');
  // It has been accepted when the server answers what can be no handshake of one who comes after it.
  const other = connect(port, '127.0.0.1', () => other.write('no handshake'));
  await once(other.resume(), 'close');
  const closed = once(silent.resume(), 'close');
  // Otherwise it would wait until the handshake is given up, which is longer than this test may take.
  await listener[Symbol.asyncDispose]();
  await closed;
  expect(listener.port).toBe(port);
});
