/**
 * The identifiers that travel, as branded strings made by one parser each.
 */
import { toHex } from '../base/index.ts';
import { ADDRESS_CHARACTERS_MAX } from './limits.ts';
import { ProtocolError } from './protocol-error.ts';

type Brand<Name extends string> = string & { readonly __brand: Name };

/** `alice@home.example`, lower case; a loopback home carries its port: `alice@localhost:7896`. */
export type Address = Brand<'Address'>;
/** A mail domain: `home.example`, or `localhost:7896`. */
export type HomeName = Brand<'HomeName'>;
/** The discovery key of a feed, 64 hexadecimal digits. */
export type FeedId = Brand<'FeedId'>;
/** SHA-256 of a PDU header, 64 hexadecimal digits: the only key for duplicates. */
export type PduId = Brand<'PduId'>;
/** 32 hexadecimal digits, made of who founded it and a nonce. */
export type ConversationId = Brand<'ConversationId'>;
/** 32 hexadecimal digits of randomness. */
export type ConversationNonce = Brand<'ConversationNonce'>;
/** The first 32 hexadecimal digits of the SHA-256 of a device's public key. */
export type DeviceId = Brand<'DeviceId'>;

const HOME = /^(?=.{1,255}$)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*(:[0-9]{1,5})?$/;
const LOCAL_PART = /^[a-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[a-z0-9!#$%&'*+/=?^_`{|}~-]+)*$/;

export function parseHomeName(text: string): HomeName {
  const home = lowerAscii(text);
  if (!HOME.test(home)) throw new ProtocolError('malformed', `not a home's name: ${JSON.stringify(text.slice(0, 80))}`);
  return home as HomeName;
}

export function parseAddress(text: string): Address {
  const address = lowerAscii(text);
  const at = address.lastIndexOf('@');
  const localPart = address.slice(0, at);
  if (at < 1 || at > 64 || address.length > ADDRESS_CHARACTERS_MAX || !LOCAL_PART.test(localPart))
    throw new ProtocolError('malformed', `not an address: ${JSON.stringify(text.slice(0, 80))}`);
  parseHomeName(address.slice(at + 1));
  return address as Address;
}

/** Whether a text is an address in its one spelling, as `parseAddress` would give it back. */
export function isAddress(text: string): text is Address {
  const at = text.lastIndexOf('@');
  return (
    at >= 1 &&
    at <= 64 &&
    text.length <= ADDRESS_CHARACTERS_MAX &&
    LOCAL_PART.test(text.slice(0, at)) &&
    HOME.test(text.slice(at + 1))
  );
}

export function homeOf(address: Address): HomeName {
  return address.slice(address.lastIndexOf('@') + 1) as HomeName;
}

export function parseFeedId(text: string): FeedId {
  return parseDigits(text, 64, 'a feed id') as FeedId;
}

export function feedIdOf(discoveryKey: Uint8Array): FeedId {
  return parseFeedId(toHex(discoveryKey));
}

export function parsePduId(text: string): PduId {
  return parseDigits(text, 64, 'a PDU id') as PduId;
}

export function parseConversationId(text: string): ConversationId {
  return parseDigits(text, 32, 'a conversation id') as ConversationId;
}

export function parseConversationNonce(text: string): ConversationNonce {
  return parseDigits(text, 32, 'a conversation nonce') as ConversationNonce;
}

export function parseDeviceId(text: string): DeviceId {
  return parseDigits(text, 32, 'a device id') as DeviceId;
}

/** Other scripts have letters whose lower case is ASCII (the Kelvin sign); they are no spelling of a name. */
function lowerAscii(text: string): string {
  return text.replace(/[A-Z]+/g, (capitals) => capitals.toLowerCase());
}

function parseDigits(text: string, length: number, what: string): string {
  if (text.length !== length || !/^[0-9a-f]*$/.test(text))
    throw new ProtocolError('malformed', `not ${what}: ${length} lower-case hexadecimal digits are`);
  return text;
}
