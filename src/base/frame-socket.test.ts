import { frameSocketContract } from './frame-socket.contract.ts';
import { createMemorySocketPair } from './frame-socket.ts';

frameSocketContract('a memory pair', async () => {
  const [a, b] = createMemorySocketPair();
  return {
    a,
    b,
    async [Symbol.asyncDispose]() {
      a.terminate();
    },
  };
});
