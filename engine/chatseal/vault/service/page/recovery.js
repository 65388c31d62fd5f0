// Recovery: from a password to the secret, one guess at a time.

import { VaultError } from "./errors.js";
import { Login } from "./login.js";
import { checkRegistered, passwordBytes } from "./stretch.js";
import { unwrap } from "./wrapping.js";

/** @typedef {"stretch" | "ask" | "prove" | "unwrap"} Step */
/** @typedef {{secret: Uint8Array<ArrayBuffer>, failures: import("./messages.js").Failure[]}} Recovered */

export class Recovery {
  /** @param {import("./service.js").VaultService} service @param {import("./service.js").Account} account */
  constructor(service, account) {
    if (!/^[!-~]{1,128}$/.test(account.name)) throw new VaultError("account");
    if (!/^[!-~]{1,4000}$/.test(account.token)) throw new VaultError("token");
    this.service = service;
    this.account = account;
  }

  /** @returns {Promise<import("./messages.js").Status>} Throws VaultError */
  async status() {
    const status = await this.service.ask("status", this.account);
    if (status.record) checkRegistered(status.record.stretch);
    return status;
  }

  /**
   * Spend a guess.
   * @param {string} typed the password
   * @param {import("./messages.js").Status} status of a moment ago
   * @param {(step: Step) => void} progress
   * @returns {Promise<Recovered>} the secret, 32 bytes, and the failures before. Throws VaultError
   */
  async recover(typed, { record, generation }, progress) {
    if (!record) throw new VaultError("no-record");
    const recordId = record.record_id;
    const password = passwordBytes(typed);
    const login = new Login();
    try {
      progress("stretch");
      const { ke1 } = await login.begin(password, recordId, record.stretch);
      progress("ask");
      const started = await this.service.ask("login/start", this.account, { record_id: recordId, generation, ke1 });
      if (started.generation !== generation) throw new VaultError("generation");
      progress("prove");
      const { ke3, exportKey } = await login.finish(started.ke2);
      const finished = await this.service.ask("login/finish", this.account, { attempt: started.attempt, ke3 });
      if (finished.generation <= generation) throw new VaultError("generation"); // a success makes it grow
      progress("unwrap");
      const secret = await unwrap(finished.wrapped, exportKey, this.service.key.fingerprint, recordId);
      exportKey.fill(0);
      return { secret, failures: finished.failures };
    } finally {
      password.fill(0);
      login.end();
    }
  }
}
