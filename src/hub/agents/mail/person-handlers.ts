/** The client at the service of its person: answers what `person-calls.ts` lists. */
import type { AlarmCode, Client } from '../../../client/index.ts';
import { isDoorAddress, parseAddress, parseDeviceId, parsePduId } from '../../../protocol/index.ts';
import type { Handlers } from '../line.ts';
import type { MessageProof, NodeChange, PersonCalls, PersonStatus } from './person-calls.ts';

export function personHandlers(client: Client): Handlers<PersonCalls> {
  const { account, mail, nodes, people } = client;
  /** For what the home has to be asked, or told. */
  const online = async (signal: AbortSignal): Promise<void> => client.connect(signal);
  return {
    person: () => statusOf(client),
    pingNodes: async (_, signal) => ({ nodes: await nodes.ping(signal) }),
    changeNodes: async (change) => {
      await changeNodes(client, change);
      return {};
    },
    proof: async ({ pdu }) => ({ proof: await proofOf(client, pdu) }),
    key: async ({ address }, signal) => {
      await online(signal);
      return { key: await people.lookUp(parseAddress(address)) };
    },
    verifyKey: async ({ address, fingerprint }) => ({
      key: await people.verify(parseAddress(address), fingerprint),
    }),
    revokeDevice: async ({ id }, signal) => {
      await online(signal);
      await account.revokeDevice(parseDeviceId(id));
      return {};
    },
    rotateKey: async (_, signal) => {
      await online(signal);
      return { fingerprint: await account.rotateCertificate() };
    },
    newRecoveryCode: async (_, signal) => {
      await online(signal);
      return { recoveryCode: await account.renewRecoveryCode() };
    },
    changePassword: async ({ password }, signal) => {
      await online(signal);
      await account.changePassword(password);
      return {};
    },
    closeAccount: async (_, signal) => {
      await online(signal);
      await account.close();
      return {};
    },
    dismissAlarm: async ({ code, subject }) => {
      await client.dismissAlarm({ code: code as AlarmCode, subject });
      return {};
    },
    block: async ({ isBlocked, who }) => {
      await (isBlocked ? mail.block(who) : mail.unblock(who));
      return {};
    },
  };
}

async function statusOf(client: Client): Promise<PersonStatus> {
  const { account, address, alarms, mail, nodes, ordinaryBytesMax, outbox, state } = client;
  const [fingerprint, devices, blocked, report] = await Promise.all([
    account.fingerprint(),
    account.devices(),
    mail.blocked(),
    client.report(),
  ]);
  return {
    ...{ address, fingerprint, devices, state, blocked },
    nodes: nodes.list(),
    fleets: nodes.fleets,
    alarms: alarms.map(({ code, detail, subject }) => ({ code, detail, subject })),
    queued: outbox.queuedCount,
    ordinaryBytesMax,
    sentence: report.sentence,
  };
}

async function changeNodes({ nodes }: Client, change: NodeChange): Promise<void> {
  switch (change.act) {
    case 'pin':
      return nodes.pin(change.name);
    case 'unpin':
      return nodes.unpin();
    case 'add':
      return nodes.add(change.name, change.url, change.key);
    case 'remove':
      return nodes.remove(change.name);
    case 'fleet':
      return nodes.useFleet(change.name);
  }
}

/** Undefined: there is no such message here. */
async function proofOf({ conversations, mail, people }: Client, pdu: string): Promise<MessageProof | undefined> {
  const summary = await mail.find(parsePduId(pdu));
  if (summary === undefined) return undefined;
  const { author, bound, conversation, proof } = summary;
  const said = { author, bound, conversation, proof };
  // A door is nobody to compare keys with, nor to be in a conversation with.
  if (isDoorAddress(author)) return { ...said, key: undefined, members: [], ownRole: undefined, isOutside: true };
  const [key, view] = await Promise.all([people.find(author), conversations.show(conversation)]);
  return { ...said, key, members: view.members, ownRole: view.ownRole, isOutside: false };
}
