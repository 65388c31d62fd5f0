// Worker: what takes seconds and much memory, away from the page: the password, stretched, and its half of the login.

import { VaultError } from "./errors.js";
import { ClientLogin } from "./pake.js";
import { stretched } from "./stretch.js";

/** @type {ClientLogin | null} */
let login = null;

/** @type {Record<string, (given: any) => Promise<object>>} */
const calls = {
  async begin({ password, recordId, cost }) {
    const words = await stretched(password, recordId, cost);
    password.fill(0);
    login = await ClientLogin.begin(words);
    words.fill(0);
    return { ke1: login.ke1 };
  },
  async finish({ ke2 }) {
    if (!login) throw new VaultError("message");
    return login.finish(ke2);
  },
};

addEventListener("message", async ({ data: { call, given } }) => {
  try {
    postMessage({ found: await calls[call](given) });
  } catch (error) {
    postMessage({ reason: error instanceof VaultError ? error.reason : "old-browser" });
  }
});
