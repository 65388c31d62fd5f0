// Stretch: Argon2id of the password before OPAQUE sees it; the limits hold for whatever a service says.

import "./vendor/argon2.umd.min.js"; // hash-wasm, which names itself globalThis.hashwasm
import { ascii } from "./bytes.js";
import { VaultError } from "./errors.js";
import { sha256 } from "./hashes.js";
import { STRETCH } from "./labels.js";

const MEMORY_MIN = 19 << 10; // KiB
const MEMORY_MAX = 512 << 10;
const PASSES_MAX = 8;
const LANES_MAX = 4;
const WORK_MAX = 2 << 20; // KiB of memory times passes
const REGISTERED_MEMORY_MIN = 64 << 10;
const REGISTERED_WORK_MIN = 192 << 10;
const BYTES_MAX = 1024;

/** @typedef {{memory: number, passes: number, lanes: number}} Stretch KiB of memory, passes over it, lanes */

/** @param {Stretch} cost Throws VaultError beyond the limits, before a byte is allocated */
export function checkCost({ memory, passes, lanes }) {
  /** @param {number} value @param {number} least @param {number} most */
  const within = (value, least, most) => Number.isInteger(value) && value >= least && value <= most;
  const fits = within(memory, MEMORY_MIN, MEMORY_MAX) && within(passes, 1, PASSES_MAX) && within(lanes, 1, LANES_MAX);
  if (!fits || memory * passes > WORK_MAX) throw new VaultError("cost");
}

/** @param {Stretch} cost Throws VaultError for what no registration has: a guess would be spent for nothing */
export function checkRegistered(cost) {
  checkCost(cost);
  if (cost.memory < REGISTERED_MEMORY_MIN || cost.memory * cost.passes < REGISTERED_WORK_MIN) throw new VaultError("cost");
}

/** @param {string} typed @returns {Uint8Array<ArrayBuffer>} UTF-8 of its NFKC, 1 to 1024 bytes. Throws VaultError for what is no password */
export function passwordBytes(typed) {
  if (/\p{Surrogate}/u.test(typed)) throw new VaultError("not-unicode"); // half a character
  const data = new TextEncoder().encode(typed.normalize("NFKC"));
  if (!data.length) throw new VaultError("empty");
  if (data.length > BYTES_MAX) throw new VaultError("too-long");
  return data;
}

/**
 * @param {Uint8Array} password its bytes
 * @param {Uint8Array} recordId 16 bytes
 * @param {Stretch} cost
 * @returns {Promise<Uint8Array>} 32 bytes. Throws VaultError beyond the limits, and where there is not as much memory
 */
export async function stretched(password, recordId, cost) {
  checkCost(cost);
  const salt = (await sha256(ascii(`${STRETCH}\0`), recordId)).slice(0, 16);
  const { memory: memorySize, passes: iterations, lanes: parallelism } = cost;
  try {
    return await hashwasm.argon2id({ password, salt, memorySize, iterations, parallelism, hashLength: 32, outputType: "binary" });
  } catch {
    throw new VaultError("memory");
  }
}
