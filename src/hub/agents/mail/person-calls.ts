/**
 * What a person sees and changes of their own account through a hub: devices, keys, nodes, whom they block. These are asked
 * of the mail agent, whose client knows; `src/hub/user-server/person-routes.ts` is where programs ask.
 */
import type {
  Alarm,
  ClientState,
  DeviceInfo,
  KeyInfo,
  NodeInfo,
  Pinged,
  Standing,
  Summary,
} from '../../../client/index.ts';

export interface PersonStatus {
  readonly address: string;
  readonly fingerprint: string;
  readonly devices: readonly DeviceInfo[];
  readonly state: ClientState;
  readonly nodes: readonly NodeInfo[];
  readonly fleets: { readonly names: readonly string[]; readonly current: string | undefined };
  readonly alarms: readonly Pick<Alarm, 'code' | 'subject' | 'detail'>[];
  /** Addresses and homes. */
  readonly blocked: readonly string[];
  readonly queued: number;
  /** The largest ordinary mail that the home sends; 0: it sends none; undefined: nobody can tell now. */
  readonly ordinaryBytesMax: number | undefined;
  /** What came last to be known of completeness, for people. */
  readonly sentence: string;
}

/** How a message is protected, and who is in its conversation. */
export interface MessageProof {
  readonly author: string;
  readonly conversation: string;
  readonly proof: Summary['proof'];
  /** Whether the signature also names conversation, recipients and time. */
  readonly bound: boolean;
  /** Of its author; undefined: nothing is known of their account here. */
  readonly key: KeyInfo | undefined;
  readonly members: readonly Standing[];
  readonly ownRole: string | undefined;
  /** Ordinary mail, which came to the home in the clear: its author is the home's door. */
  readonly isOutside: boolean;
}

export type NodeChange =
  | { readonly act: 'pin' | 'remove' | 'fleet'; readonly name: string }
  | { readonly act: 'unpin' }
  | { readonly act: 'add'; readonly name: string; readonly url: string; readonly key: string | undefined };

interface Call<Request extends object, Reply extends object> {
  readonly request: Request;
  readonly reply: Reply;
}

/** (A type, since an interface has no index signature.) */
export type PersonCalls = {
  readonly person: Call<object, PersonStatus>;
  readonly pingNodes: Call<object, { readonly nodes: readonly Pinged[] }>;
  readonly changeNodes: Call<NodeChange, object>;
  readonly proof: Call<{ readonly pdu: string }, { readonly proof: MessageProof | undefined }>;
  /** As the home of the address has it now. */
  readonly key: Call<{ readonly address: string }, { readonly key: KeyInfo }>;
  readonly verifyKey: Call<{ readonly address: string; readonly fingerprint: string }, { readonly key: KeyInfo }>;
  readonly revokeDevice: Call<{ readonly id: string }, object>;
  readonly rotateKey: Call<object, { readonly fingerprint: string }>;
  readonly newRecoveryCode: Call<object, { readonly recoveryCode: string }>;
  readonly changePassword: Call<{ readonly password: string }, object>;
  readonly closeAccount: Call<object, object>;
  readonly dismissAlarm: Call<{ readonly code: string; readonly subject: string }, object>;
  readonly block: Call<{ readonly who: string; readonly isBlocked: boolean }, object>;
};
