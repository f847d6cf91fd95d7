import { signatureCheckerContract } from '../signature-checker.contract.ts';
import { SodiumSuite } from './sodium-suite.ts';
import { ThreadedSignatureChecker } from './threaded-signature-checker.ts';

signatureCheckerContract('threads', () => new ThreadedSignatureChecker(new SodiumSuite()));
