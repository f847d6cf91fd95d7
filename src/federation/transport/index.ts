/** The lowest layer: homes over HTTP. Bytes in, bytes out; what they mean is the layers' above. */

export { isLoopbackHome } from './discovery.ts';
export { homeVerdictOf } from './home-evidence.ts';
export * from './http-home-directory.ts';
export * from './http-link.ts';
export { DEFAULT_TRANSPORT_LIMITS, type TransportLimits } from './limits.ts';
export type { RequestSigner } from './request-signature.ts';
export * from './server.ts';
export * from './wkd.ts';
export * from './wkd-client.ts';
