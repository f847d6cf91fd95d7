/** Reading and taking apart messages, for those who have no store: agents load this door, and not all of JMAP with it. */

export { base64Fields, base64Octets, base64Size } from './base64-content.ts';
export {
  type DetachedPart,
  detachLargest,
  type MessagePieces,
  partsOfType,
  type TakenPart,
  takenApart,
} from './detaching.ts';
export { type Envelope, envelopeOf, fieldsOf } from './envelope.ts';
export { type MessageReading, readMessage } from './message-reading.ts';
