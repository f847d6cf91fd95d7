/**
 * How fast the machine is at this moment: CPU time of one Ed25519 verification. Cores that are shared with other work run
 * each instruction slower; figures of two runs compare only through this.
 */
import { SodiumSuite } from '../src/base/system/index.ts';
import { random } from './people.ts';

const VERIFICATIONS = 2_000;

/** Microseconds of CPU. */
export function verificationMicros(): number {
  const suite = new SodiumSuite();
  const key = suite.keyPair(random.bytes(32));
  const message = random.bytes(500);
  const signature = suite.sign(message, key.secretKey);
  const before = process.cpuUsage();
  for (let i = 0; i < VERIFICATIONS; i++) suite.verify(signature, message, key.publicKey);
  const { user, system } = process.cpuUsage(before);
  return (user + system) / VERIFICATIONS;
}
