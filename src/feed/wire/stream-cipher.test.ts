import { streamCipherContract } from './stream-cipher.contract.ts';
import { createNobleStreamCipher } from './stream-cipher.ts';

streamCipherContract('NobleStreamCipher', createNobleStreamCipher);
