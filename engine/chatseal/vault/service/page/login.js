// Login: the password's part of a recovery, in a worker that is gone afterwards, and its memory with it.

import { VaultError } from "./errors.js";

// The policy wants to hear that this address of a script is ours (Trusted Types), where the browser knows the question.
const own = globalThis.trustedTypes?.createPolicy("login", { createScriptURL: () => new URL("./worker.js", import.meta.url).href });
const WORKER = own?.createScriptURL("") ?? new URL("./worker.js", import.meta.url);

export class Login {
  #worker = new Worker(WORKER, { type: "module" });

  /**
   * Stretch the password. Seconds.
   * @param {Uint8Array} password its bytes @param {Uint8Array} recordId @param {import("./stretch.js").Stretch} cost
   * @returns {Promise<{ke1: Uint8Array<ArrayBuffer>}>} what to send. Throws VaultError
   */
  begin(password, recordId, cost) {
    return this.#call("begin", { password, recordId, cost });
  }

  /**
   * @param {Uint8Array} ke2
   * @returns {Promise<{ke3: Uint8Array<ArrayBuffer>, exportKey: Uint8Array<ArrayBuffer>}>} Throws VaultError for a wrong password
   */
  finish(ke2) {
    return this.#call("finish", { ke2 });
  }

  /** Let go of everything. */
  end() {
    this.#worker.terminate();
  }

  /** @param {string} call @param {object} given @returns {Promise<any>} */
  #call(call, given) {
    return new Promise((resolve, reject) => {
      this.#worker.onmessage = ({ data }) => ("reason" in data ? reject(new VaultError(data.reason)) : resolve(data.found));
      this.#worker.onerror = () => reject(new VaultError("old-browser")); // it did not start
      this.#worker.postMessage({ call, given });
    });
  }
}
