import { cryptoSuiteContract } from './crypto-suite.contract.ts';
import { NobleSuite } from './noble-suite.ts';

cryptoSuiteContract('noble', new NobleSuite());
