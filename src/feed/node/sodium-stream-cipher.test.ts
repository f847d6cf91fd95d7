import { streamCipherContract } from '../wire/stream-cipher.contract.ts';
import { createSodiumStreamCipher } from './sodium-stream-cipher.ts';

streamCipherContract('SodiumStreamCipher', createSodiumStreamCipher);
