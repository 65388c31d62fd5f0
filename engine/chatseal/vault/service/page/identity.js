// Identity: the service's signing key. An answer that it has not signed is not looked into.

import { ascii, joined } from "./bytes.js";
import { VaultError } from "./errors.js";
import { sha256 } from "./hashes.js";
import { ANSWER, FINGERPRINT } from "./labels.js";

const SHOWN = 20; // bytes of the fingerprint that people see
const LETTERS = "abcdefghijklmnopqrstuvwxyz234567";

/**
 * Whether *signature* is Ed25519's over *message*: the browser's own, or @noble/ed25519 where it has none.
 * @param {Uint8Array<ArrayBuffer>} key @param {Uint8Array<ArrayBuffer>} signature @param {Uint8Array<ArrayBuffer>} message
 * @returns {Promise<boolean>}
 */
async function signed(key, signature, message) {
  let verifier;
  try {
    verifier = await crypto.subtle.importKey("raw", key, "Ed25519", false, ["verify"]);
  } catch {
    const { verifyAsync } = await import("./vendor/ed25519.js");
    return verifyAsync(signature, message, key, { zip215: false }).catch(() => false);
  }
  return crypto.subtle.verify("Ed25519", verifier, signature, message);
}

/** The public key as a client knows it. */
export class ServiceKey {
  /** @param {Uint8Array<ArrayBuffer>} data 32 bytes @returns {Promise<ServiceKey>} */
  static async of(data) {
    return new ServiceKey(data, await sha256(ascii(`${FINGERPRINT}\0`), data));
  }

  /** @param {Uint8Array<ArrayBuffer>} data @param {Uint8Array<ArrayBuffer>} fingerprint 32 bytes */
  constructor(data, fingerprint) {
    this.data = data;
    this.fingerprint = fingerprint;
  }

  /** @returns {string[]} the fingerprint for people, as on a recovery sheet: 8 groups of 4 letters and digits */
  get groups() {
    const bits = Array.from(this.fingerprint.subarray(0, SHOWN), (byte) => byte.toString(2).padStart(8, "0")).join("");
    const letters = (bits.match(/.{5}/g) ?? []).map((five) => LETTERS[Number.parseInt(five, 2)]).join("");
    return letters.match(/.{4}/g) ?? [];
  }

  /** @param {string} text a fingerprint, however it is grouped. Throws VaultError for another's, and for what is none */
  checkShown(text) {
    const letters = text.replace(/[\s-]+/g, "").toLowerCase();
    if (!/^[a-z2-7]{32}$/.test(letters)) throw new VaultError("not-a-fingerprint");
    if (letters !== this.groups.join("")) throw new VaultError("fingerprint");
  }

  /**
   * Return if the service gave just this answer to this request. Both as they were sent. Throws VaultError.
   * @param {Uint8Array<ArrayBuffer>} signature @param {string} operation @param {Uint8Array} request @param {Uint8Array} answer
   */
  async verify(signature, operation, request, answer) {
    const name = ascii(operation);
    const statement = joined(ascii(`${ANSWER}\0`), Uint8Array.of(name.length), name, await sha256(request), await sha256(answer));
    if (signature.length !== 64 || !(await signed(this.data, signature, statement))) throw new VaultError("unsigned");
  }
}
