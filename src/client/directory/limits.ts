/** The bounds of the fleet directory, each with its reason. */

/** A fleets file: the largest historic one, with hundreds of nodes, has 16 KiB. */
export const FLEETS_FILE_CHARACTERS_MAX = 256 * 1024;
/** Fleets of one file: the seed's had five. */
export const FLEETS_MAX = 64;
/** Nodes of one source: as many as a home document may name. Each is pinged in one round. */
export const NODES_MAX = 64;
/** A node's name: as long as a home document allows. */
export const NODE_NAME_CHARACTERS_MAX = 64;
/** A URL or multiaddr: as long as a home document allows. */
export const ADDRESS_CHARACTERS_MAX = 500;
/** A peer id: an Ed25519 one has 52; reading base58 takes time by the square. */
export const PEER_ID_CHARACTERS_MAX = 64;
/** The persisted settings: 64 own nodes of a kilobyte each. */
export const SETTINGS_BYTES_MAX = 64 * 1024;
