// Cobblestone-256 (c2sp.org/chunked-encryption, SHA-512 and AES-256-GCM): messages of one record, which is all that a vault keeps.

import { ascii, joined, same } from "./bytes.js";
import { hkdfExpand } from "./hashes.js";

const LABEL = ascii("c2sp.org/chunked-encryption@v1+AEAD_AES_256_GCM\0");
const SALT = 24;
const COMMITMENT = 32;
const TAG = 16;
const RECORD = 16384;

/**
 * @param {Uint8Array<ArrayBuffer>} key 32 bytes
 * @param {Uint8Array} context
 * @param {Uint8Array<ArrayBuffer>} message salt, commitment, record
 * @returns {Promise<Uint8Array<ArrayBuffer> | null>} the plaintext, below 16 KiB; null if key, context or message is another
 */
export async function open(key, context, message) {
  const start = SALT + COMMITMENT;
  if (message.length < start + TAG || message.length >= start + RECORD + TAG) return null;
  const output = await hkdfExpand(key, joined(LABEL, message.subarray(0, SALT), context), 76);
  if (!same(output.subarray(44), message.subarray(SALT, start))) return null;
  const aead = await crypto.subtle.importKey("raw", output.slice(0, 32), "AES-GCM", false, ["decrypt"]);
  const nonce = output.slice(32, 44); // XOR 0: the number of the first record
  try {
    return new Uint8Array(await crypto.subtle.decrypt({ name: "AES-GCM", iv: nonce, tagLength: 128 }, aead, message.slice(start)));
  } catch {
    return null;
  } finally {
    output.fill(0);
  }
}
