/** What the two ends of a client connection sign to prove their keys (docs/protocol/client.md#auth). */
import { concatBytes, utf8 } from '../base/index.ts';
import type { Address, HomeName } from './ids.ts';

export interface SessionNonces {
  readonly home: HomeName;
  /** The node's public key. */
  readonly node: Uint8Array;
  /** 32 bytes from ServerInfo. */
  readonly nodeNonce: Uint8Array;
  /** 32 bytes from Auth. */
  readonly clientNonce: Uint8Array;
}

/** Signed by the device (or the enrolment or recovery key). */
export function authBytes(session: SessionNonces, address: Address): Uint8Array {
  return concatBytes(utf8('restante auth 1\n'), sessionBytes(session, address));
}

/** Signed by the node. */
export function welcomeBytes(session: SessionNonces, address: Address): Uint8Array {
  return concatBytes(utf8('restante welcome 1\n'), sessionBytes(session, address));
}

function sessionBytes(session: SessionNonces, address: Address): Uint8Array {
  const zero = Uint8Array.of(0);
  return concatBytes(
    utf8(session.home),
    zero,
    utf8(address),
    zero,
    session.node,
    session.nodeNonce,
    session.clientNonce,
  );
}
