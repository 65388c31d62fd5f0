// Wrapping: the secret of 32 bytes under OPAQUE's export key, for one service and one record.

import { ascii, joined } from "./bytes.js";
import { open } from "./cobblestone.js";
import { VaultError } from "./errors.js";
import { hkdf } from "./hashes.js";
import { WRAP } from "./labels.js";

/**
 * @param {Uint8Array<ArrayBuffer>} wrapped 104 bytes
 * @param {Uint8Array<ArrayBuffer>} exportKey 64 bytes
 * @param {Uint8Array} fingerprint of the service, 32 bytes
 * @param {Uint8Array} recordId 16 bytes
 * @returns {Promise<Uint8Array<ArrayBuffer>>} the secret, 32 bytes. Throws VaultError if it was wrapped otherwise
 */
export async function unwrap(wrapped, exportKey, fingerprint, recordId) {
  const key = await hkdf(exportKey, ascii(WRAP), 32);
  const secret = await open(key, joined(ascii(WRAP), Uint8Array.of(0), fingerprint, recordId), wrapped);
  key.fill(0);
  if (secret?.length !== 32) throw new VaultError("wrapped");
  return secret;
}
