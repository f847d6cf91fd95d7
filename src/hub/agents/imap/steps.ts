/** Does at the server what was changed here, one step at a time. */
import type { ImapFlow } from 'imapflow';
import { HubError } from '../../hub-error.ts';
import { inFolder, selected } from './folder-sync.ts';
import type { FolderRef, Step, StepOutcome } from './imap-protocol.ts';
import { uidSetOf } from './uid-set.ts';

const DONE: StepOutcome = { status: 'done' };

/** Throws when the connection ended: whether the step was done is then seen at the next look at all folders. */
export async function doStep(client: ImapFlow, step: Step): Promise<StepOutcome> {
  try {
    return await perform(client, step);
  } catch (error) {
    if (!client.usable) throw error;
    // The folder is not what it was: the next look tells what became of its messages.
    return { status: 'refused', reason: error instanceof Error ? error.message : 'the server refused it' };
  }
}

async function perform(client: ImapFlow, step: Step): Promise<StepOutcome> {
  switch (step.kind) {
    case 'append': {
      const { flags, mime, path, receivedAt } = step;
      // Opened: of the flags the library says only those that the open folder keeps, whichever the message goes to.
      const answer = await selected(client, path, () =>
        client.append(path, Buffer.from(mime), [...flags], new Date(receivedAt)),
      );
      if (answer === false || answer === undefined) return refused(client);
      const { uid, uidValidity } = answer;
      return uid === undefined || uidValidity === undefined
        ? DONE
        : { status: 'done', at: { uid, uidValidity: String(uidValidity) } };
    }
    case 'store':
      return inFolder(client, step.folder, async () => {
        const range = uidSetOf(step.uids);
        const options = { uid: true };
        if (step.add.length > 0 && !(await client.messageFlagsAdd(range, [...step.add], options)))
          return refused(client);
        if (step.remove.length > 0 && !(await client.messageFlagsRemove(range, [...step.remove], options)))
          return refused(client);
        return DONE;
      });
    case 'copy':
    case 'move':
      return inFolder(client, step.folder, async () => {
        // Without MOVE the plan asks for a copy first: what the library does instead would delete more than this message.
        const isMove = step.kind === 'move' && client.capabilities.has('MOVE');
        const options = { uid: true };
        const answer = isMove
          ? await client.messageMove(`${step.uid}`, step.to, options)
          : await client.messageCopy(`${step.uid}`, step.to, options);
        if (answer === false || answer === undefined) return refused(client);
        const uid = answer.uidMap?.get(step.uid);
        const isSaid = uid !== undefined && answer.uidValidity !== undefined;
        return {
          status: 'done',
          at: isSaid ? { uid, uidValidity: String(answer.uidValidity) } : undefined,
          hasLeft: isMove,
        };
      });
    case 'expunge':
      return inFolder(client, step.folder, () => expunge(client, uidSetOf(step.uids)));
    case 'createFolder':
      await client.mailboxCreate(step.path);
      if (step.isSubscribed) await client.mailboxSubscribe(step.path);
      return DONE;
    case 'renameFolder':
      await client.mailboxRename(step.path, step.to);
      return DONE;
    case 'deleteFolder':
      return deleteFolder(client, step.folder, step.uidNext);
    case 'subscribe':
      await (step.isSubscribed ? client.mailboxSubscribe(step.path) : client.mailboxUnsubscribe(step.path));
      return DONE;
  }
}

/**
 * Without UIDPLUS, EXPUNGE would take what other programs have only flagged: then the flag is all, and the message is gone for
 * everybody here, until somebody expunges.
 */
async function expunge(client: ImapFlow, range: string): Promise<StepOutcome> {
  const options = { uid: true };
  const isDone = client.capabilities.has('UIDPLUS')
    ? await client.messageDelete(range, options)
    : await client.messageFlagsAdd(range, ['\\Deleted'], options);
  return isDone ? DONE : refused(client);
}

/**
 * What came since the person saw the folder stays, and the folder with it; so does all of another folder, which somebody made
 * in its place.
 */
async function deleteFolder(client: ImapFlow, folder: FolderRef, uidNext: number): Promise<StepOutcome> {
  const { path, uidValidity } = folder;
  const status = await client.status(path, { uidNext: true, uidValidity: true, messages: true });
  if (status === false) return refused(client);
  const isSeen = String(status.uidValidity) === uidValidity;
  if (status.messages === 0 || (isSeen && status.uidNext !== undefined && status.uidNext <= uidNext)) {
    await client.mailboxDelete(path);
    return DONE;
  }
  if (!isSeen || uidNext <= 1) return DONE;
  return inFolder(client, folder, () => expunge(client, `1:${uidNext - 1}`));
}

function refused(client: ImapFlow): StepOutcome {
  if (!client.usable) throw new HubError('server_unreachable', 'the connection ended', { retry: 'now' });
  return { status: 'refused', reason: 'the server refused it' };
}
