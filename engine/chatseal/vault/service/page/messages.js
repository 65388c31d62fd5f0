// Messages: what the page says and hears (docs/vault.md, section 2). Whatever is not exactly a message is refused.

import { ascii, base64, fromBase64 } from "./bytes.js";
import { VaultError } from "./errors.js";

export const MESSAGE_MAX = 4096;

/** @typedef {{time: number, origin: Uint8Array}} Failure */
/** @typedef {import("./stretch.js").Stretch} Stretch */
/** @typedef {{operation: string, time: number}} Announcement */
/**
 * @typedef {{record_id: Uint8Array<ArrayBuffer>, guesses_left: number, open: number, wait: number, failures: Failure[], recent: number,
 *   life: number, stretch: Stretch, announcement: Announcement | null}} RecordStatus
 */
/** @typedef {{reason: string, time: number, until: number}} Tombstone */
/** @typedef {{generation: number, record: RecordStatus | null, tombstone: Tombstone | null, time: number}} Status */

/** @typedef {(value: unknown) => any} Reader throws VaultError for what it does not take */

/** @returns {never} */
function refuse() {
  throw new VaultError("message");
}

/** @param {number} least @param {number} most @returns {Reader} */
const number = (least, most) => (value) => (Number.isInteger(value) && Number(value) >= least && Number(value) <= most ? value : refuse());

/** @param {RegExp} form @returns {Reader} */
const text = (form) => (value) => (typeof value === "string" && form.test(value) ? value : refuse());

/** @param {number} length @returns {Reader} */
const bytes = (length) => (value) => {
  const data = typeof value === "string" ? fromBase64(value) : null;
  return data?.length === length ? data : refuse();
};

/** @param {Reader} reader @returns {Reader} */
const optional = (reader) => (value) => (value === null ? null : reader(value));

/** @param {Reader} reader @param {number} most @returns {Reader} */
const list = (reader, most) => (value) => (Array.isArray(value) && value.length <= most ? value.map((item) => reader(item)) : refuse());

/** @param {Record<string, Reader>} members all of them, and no others @returns {Reader} */
const object = (members) => (value) => {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return refuse();
  const given = new Map(Object.entries(value));
  const names = Object.keys(members);
  if (given.size !== names.length || !names.every((name) => given.has(name))) return refuse();
  return Object.fromEntries(names.map((name) => [name, members[name](given.get(name))]));
};

const count = number(0, Number.MAX_SAFE_INTEGER);
const time = count;
const seconds = number(0, 2 ** 31 - 1);
const guesses = number(0, 10);
const generation = number(1, Number.MAX_SAFE_INTEGER);
const failures = list(object({ time, origin: bytes(16) }), 10);
const stretch = object({ memory: count, passes: count, lanes: count }); // whose limits stretch.js knows
const announcement = object({ operation: text(/^(delete|replace)$/), time });
const record = object({
  record_id: bytes(16),
  guesses_left: guesses,
  open: guesses,
  wait: seconds,
  failures,
  recent: count,
  life: count,
  stretch,
  announcement: optional(announcement),
});
const tombstone = object({ reason: text(/^(limit|owner|announced|restored)$/), time, until: time });

/** @param {string} name @param {Record<string, Reader>} members @returns {Reader} */
const answer = (name, members) => object({ answer: text(new RegExp(`^${name}$`)), ...members });

/** @type {Record<string, Reader>} */
const ANSWERS = {
  service: answer("service", {
    key: bytes(32),
    version: text(/^[!-~]{1,32}$/),
    protocol: number(1, 1),
    guesses,
    attempt_seconds: seconds,
    announced_seconds: seconds,
  }),
  status: answer("status", {
    generation: count,
    record: optional(record),
    tombstone: optional(tombstone),
    time,
    head: object({ index: count, digest: bytes(32) }),
  }),
  "login/start": answer("login/start", { attempt: bytes(16), ke2: bytes(320), generation, guesses_left: guesses }),
  "login/finish": answer("login/finish", { wrapped: bytes(104), generation, failures }),
};
const REASONS =
  /^(malformed|unauthenticated|no-record|destroyed|changed|wait|spent|no-attempt|expired|wrong|not-allowed|exists|too-cheap|rate|unavailable)$/;
const refusal = answer("refusal", { reason: text(REASONS), wait: seconds });

/**
 * @param {string} operation
 * @param {Record<string, string | number | Uint8Array>} members besides the nonce, which is drawn here
 * @returns {Uint8Array<ArrayBuffer>} a request's body
 */
export function encodeAsk(operation, members) {
  const all = { ask: operation, nonce: crypto.getRandomValues(new Uint8Array(16)), ...members };
  return ascii(JSON.stringify(all, (_, value) => (value instanceof Uint8Array ? base64(value) : value)));
}

/**
 * What an answer says. To be called when its signature is checked.
 * @param {Uint8Array} body @param {string} operation
 * @returns {any} the members, binary ones as bytes. Throws VaultError for a refusal, with its reason, and for what is no answer
 */
export function decodeAnswer(body, operation) {
  const parsed = parse(body);
  if (parsed !== null && typeof parsed === "object" && "answer" in parsed && parsed.answer === "refusal") {
    const { reason, wait } = refusal(parsed);
    throw new VaultError(reason, { wait, refused: true });
  }
  return ANSWERS[operation](parsed);
}

/** @param {Uint8Array} body @returns {unknown} JSON in ASCII, whose numbers are whole and whose members occur once. Throws VaultError */
function parse(body) {
  if (body.length > MESSAGE_MAX || body.some((byte) => byte > 0x7e)) return refuse();
  const text = String.fromCharCode(...body);
  let members = 0;
  let parsed;
  try {
    parsed = JSON.parse(text, (_, value) => {
      if (value !== null && typeof value === "object" && !Array.isArray(value)) members += Object.keys(value).length;
      return value;
    });
  } catch {
    return refuse();
  }
  const bare = text.replace(/"(?:[^"\\]|\\.)*"/g, ""); // what is left: punctuation, numbers, true, false and null
  if (/[.eE]\d|\d[eE]|-/.test(bare)) return refuse();
  // Of a member that occurs twice, JSON.parse keeps the last: then there are more colons than members.
  return bare.split(":").length - 1 === members ? parsed : refuse();
}
