import { NobleSuite } from './noble-suite.ts';
import { signatureCheckerContract } from './signature-checker.contract.ts';
import { InlineSignatureChecker } from './signature-checker.ts';

signatureCheckerContract('inline', () => new InlineSignatureChecker(new NobleSuite()));
