// Errors: why a recovery does not go on. Nothing secret is in one; words.js says each to people.

/**
 * @typedef {"unreachable" | "unsigned" | "message" | "fingerprint" | "not-a-fingerprint" | "token" | "account" | "empty" | "not-unicode"
 *   | "too-long" | "cost" | "memory" | "password" | "wrapped" | "generation" | "old-browser" | "no-record"} Failure
 * What the page finds out by itself; the reasons of a service's refusals come besides.
 */

export class VaultError extends Error {
  /**
   * @param {Failure | string} reason
   * @param {{wait?: number, refused?: boolean}} [more] seconds to wait; whether the service said so, with its signature
   */
  constructor(reason, { wait = 0, refused = false } = {}) {
    super(reason);
    this.name = "VaultError";
    this.reason = reason;
    this.wait = wait;
    this.refused = refused;
  }
}
