// Words: what went wrong, and what helps, for people.

/** @typedef {{title: string, text: string, remedy: string}} Said */

/** @type {Record<string, [string, string, string]>} */
const WORDS = {
  unreachable: ["The vault does not answer", "Nothing came back. No guess is known to be spent.", "Check the connection, and try again in a moment."],
  unsigned: [
    "This answer is not the vault’s",
    "It does not carry the signature of the vault’s key, so nothing in it was used.",
    "Stop. Use another network, or ask whoever runs the vault. Do not type the password here again before that is clear.",
  ],
  message: [
    "The vault’s answer makes no sense",
    "It is signed, but it is no message of the protocol that this page speaks.",
    "Ask whoever runs the vault whether page and service are of the same version.",
  ],
  fingerprint: [
    "This is another vault",
    "Its fingerprint is not the one that you gave. Nothing was sent to it.",
    "Check the address and the fingerprint on your recovery sheet. If both are right, stop and ask whoever runs the vault.",
  ],
  "not-a-fingerprint": ["That is no fingerprint", "It is 8 groups of 4 letters and digits, a to z and 2 to 7.", "Type it again from the recovery sheet."],
  account: ["That is no account", "An account is 1 to 128 letters, digits and signs, without spaces.", "It is on your recovery sheet, or with whoever runs the vault."],
  token: ["That is no access token", "A token has letters, digits and signs, without spaces.", "Copy it again, all of it, from whoever runs the vault."],
  empty: ["There is no password", "The field is empty. No guess was spent.", "Type the password."],
  "not-unicode": ["This password cannot be read", "It holds half a character. No guess was spent.", "Type it again."],
  "too-long": ["The password is too long", "It has more than 1024 bytes. No guess was spent.", "Check whether something else was pasted."],
  cost: [
    "The vault asks for something it must not",
    "The cost that it names for stretching the password is outside the limits of the protocol. No guess was spent.",
    "Ask whoever runs the vault. Do not go on here.",
  ],
  memory: ["There is not enough memory", "This device did not give as much memory as stretching the password takes. No guess was spent.", "Close other tabs and apps, or use a computer."],
  password: ["This password is wrong", "The record does not open with it. The guess is spent.", "Look at capital letters, the keyboard’s language and spaces at the end."],
  wrapped: [
    "The vault gave another key",
    "The password is right, but what the vault keeps was not wrapped for this vault and this record, or it is damaged.",
    "Ask whoever runs the vault. Your 64 digits on paper, if you have them, still open everything.",
  ],
  generation: [
    "The vault contradicts itself",
    "It speaks of another generation of the record than a moment ago.",
    "Ask whoever runs the vault whether it was put back to an older state. Your 64 digits on paper, if you have them, still open everything.",
  ],
  "old-browser": [
    "This browser cannot do it",
    "It lacks something that the page computes with: WebAssembly, workers or Web Cryptography.",
    "Use a newer browser, over https, or `chatseal vault recover` on a computer.",
  ],
  "no-record": [
    "The vault has no record of this account",
    "As far as it knows, nothing was ever kept here.",
    "Check the account’s name. If you did keep a key here, the vault has lost it or hides it: tell whoever runs it.",
  ],
  unauthenticated: ["Account and token do not match", "The vault does not know this account with this token. No guess was spent.", "Check both; ask whoever runs the vault for a new token."],
  destroyed: [
    "This record is destroyed",
    "No password opens it any more.",
    "Use the 64 digits on your recovery sheet, or a device that still has the key; then register again.",
  ],
  wait: ["Not yet", "After wrong passwords the vault takes the next one only after a while. No guess was spent.", "Wait, and try again."],
  spent: ["There is no guess left", "All guesses are used, or the account has had all its failures.", "If another device is recovering now, its attempt still counts. Otherwise use the 64 digits."],
  expired: ["That took too long", "The guess was not finished in time, and is spent.", "Try again, on a faster device if it happens again."],
  changed: ["The record has just changed", "It was changed while this page was open. No guess was spent.", "Try again: the page asks how things stand now."],
  rate: ["Too many requests", "The vault takes no more for a moment. No guess was spent.", "Wait, and try again."],
  unavailable: ["The vault is out of order", "It answers, but it cannot work at the moment.", "Try again later; tell whoever runs the vault if it lasts."],
  wrong: ["The vault does not take the proof", "The guess is spent.", "Try again; ask whoever runs the vault if it happens again."],
  "no-attempt": ["The vault has forgotten this attempt", "It was perhaps started again meanwhile. The guess is spent.", "Try again."],
};

/** @type {Record<string, string>} */
const TOMBSTONES = {
  limit: "All guesses were used up",
  owner: "Its owner deleted it",
  announced: "It was deleted after an announcement that nobody withdrew",
  restored: "The vault was restored from a backup and could not vouch for it",
};

/** @param {string} reason @returns {Said} */
export function wordsFor(reason) {
  const [title, text, remedy] = WORDS[reason] ?? WORDS.message;
  return { title, text, remedy };
}

/** @param {number} seconds @returns {string} */
export function duration(seconds) {
  const unit = (/** @type {number} */ count, /** @type {string} */ name) => `${count} ${name}${count === 1 ? "" : "s"}`;
  if (seconds < 60) return unit(seconds, "second");
  if (seconds < 3600) return unit(Math.ceil(seconds / 60), "minute");
  if (seconds < 172800) return unit(Math.ceil(seconds / 3600), "hour");
  return unit(Math.ceil(seconds / 86400), "day");
}

/** @param {number} time seconds since 1970 @returns {string} in the browser's language and time zone */
export function moment(time) {
  return new Date(time * 1000).toLocaleString([], { dateStyle: "medium", timeStyle: "short" });
}

/** @param {import("./messages.js").Tombstone} tombstone @returns {Said} */
export function wordsForTombstone({ reason, time }) {
  const said = wordsFor("destroyed");
  return { ...said, text: `${TOMBSTONES[reason]}, on ${moment(time)}. ${said.text}` };
}

/** @param {import("./messages.js").Failure[]} failures @returns {string} */
export function failuresSaid(failures) {
  const places = new Set(failures.map(({ origin }) => origin.join())).size;
  const many = failures.length === 1 ? "1 guess" : `${failures.length} guesses`;
  const where = failures.length === 1 ? "" : places === 1 ? ", all from the same place" : `, from ${places} places`;
  return `${many} failed since the last success${where}. Was it you?`;
}
