// PAKE: the client's half of an OPAQUE login (RFC 9807, ristretto255-SHA512, 3DH). The password is never sent, nor is its hash.

import { client, ready } from "./vendor/opaque.js"; // @serenity-kit/opaque
import { base64url, fromBase64url, hex } from "./bytes.js";
import { VaultError } from "./errors.js";

// What the service's library stretches with, within OPAQUE: not to be chosen there, so it must be said here.
const KEY_STRETCHING = { "argon2id-custom": { iterations: 2, memory: 19456, parallelism: 1 } };

/** A login. For one `finish`. */
export class ClientLogin {
  #password;
  #state;

  /** @param {Uint8Array} stretched the password, 32 bytes @returns {Promise<ClientLogin>} */
  static async begin(stretched) {
    await ready;
    return new ClientLogin(hex(stretched));
  }

  /** @param {string} password 64 hexadecimal digits */
  constructor(password) {
    const { clientLoginState, startLoginRequest } = client.startLogin({ password });
    this.#password = password;
    this.#state = clientLoginState;
    /** What to send first: 96 bytes. */
    this.ke1 = fromBase64url(startLoginRequest);
  }

  /**
   * @param {Uint8Array} ke2 320 bytes
   * @returns {{ke3: Uint8Array<ArrayBuffer>, exportKey: Uint8Array<ArrayBuffer>}} 64 bytes each. Throws VaultError for a wrong password,
   *   another record and an answer that was changed, alike
   */
  finish(ke2) {
    const clientLoginState = this.#state;
    const password = this.#password;
    let found;
    try {
      found = client.finishLogin({ clientLoginState, loginResponse: base64url(ke2), password, keyStretching: KEY_STRETCHING });
    } catch {
      throw new VaultError("message"); // no KE2, whatever the password
    }
    if (!found) throw new VaultError("password");
    return { ke3: fromBase64url(found.finishLoginRequest), exportKey: fromBase64url(found.exportKey) };
  }
}
