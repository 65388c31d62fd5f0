// Hashes: SHA-256 and HKDF-SHA512, as the browser has them.

import { joined } from "./bytes.js";

/** @param {...Uint8Array} parts @returns {Promise<Uint8Array<ArrayBuffer>>} 32 bytes */
export async function sha256(...parts) {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", joined(...parts)));
}

/**
 * HKDF-SHA512 without salt.
 * @param {Uint8Array<ArrayBuffer>} secret @param {Uint8Array<ArrayBuffer>} info @param {number} length
 * @returns {Promise<Uint8Array<ArrayBuffer>>}
 */
export async function hkdf(secret, info, length) {
  const key = await crypto.subtle.importKey("raw", secret, "HKDF", false, ["deriveBits"]);
  const algorithm = { name: "HKDF", hash: "SHA-512", salt: new Uint8Array(0), info };
  return new Uint8Array(await crypto.subtle.deriveBits(algorithm, key, 8 * length));
}

/**
 * The second step of HKDF-SHA512 alone (RFC 5869, section 2.3), which browsers have only together with the first.
 * @param {Uint8Array<ArrayBuffer>} key @param {Uint8Array} info @param {number} length
 * @returns {Promise<Uint8Array<ArrayBuffer>>}
 */
export async function hkdfExpand(key, info, length) {
  const mac = await crypto.subtle.importKey("raw", key, { name: "HMAC", hash: "SHA-512" }, false, ["sign"]);
  let output = new Uint8Array(0);
  let block = new Uint8Array(0);
  for (let number = 1; output.length < length; number++) {
    block = new Uint8Array(await crypto.subtle.sign("HMAC", mac, joined(block, info, Uint8Array.of(number))));
    output = joined(output, block);
  }
  return output.slice(0, length);
}
