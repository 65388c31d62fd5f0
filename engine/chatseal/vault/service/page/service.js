// Service: the vault at the other end. Every answer is signed, or is none.

import { fromBase64 } from "./bytes.js";
import { VaultError } from "./errors.js";
import { ServiceKey } from "./identity.js";
import { decodeAnswer, encodeAsk, MESSAGE_MAX } from "./messages.js";

const SIGNATURE = "vault-signature"; // the header that an answer's signature travels in
const PATIENCE = 30_000; // milliseconds

/** @typedef {{name: string, token: string}} Account */

export class VaultService {
  /** @param {string} base the address, with its last slash @param {ServiceKey} key */
  constructor(base, key) {
    this.base = base;
    this.key = key;
  }

  /** @param {string} base @returns {Promise<VaultService>} with the key that it says it has: to be compared before anything is trusted to it */
  static async meet(base) {
    const ask = encodeAsk("service", {});
    const { body, signature } = await send(base, "service", ask, "");
    const { key } = decodeAnswer(body, "service");
    const service = new VaultService(base, await ServiceKey.of(key));
    await service.key.verify(signature, "service", ask, body);
    return service;
  }

  /**
   * @param {string} operation
   * @param {Account} account
   * @param {Record<string, string | number | Uint8Array>} members
   * @returns {Promise<any>} the answer's members. Throws VaultError: for a refusal with its reason
   */
  async ask(operation, { name, token }, members = {}) {
    const ask = encodeAsk(operation, { account: name, ...members });
    const { body, signature } = await send(this.base, operation, ask, token);
    await this.key.verify(signature, operation, ask, body);
    return decodeAnswer(body, operation);
  }
}

/**
 * @param {string} base @param {string} operation @param {Uint8Array<ArrayBuffer>} ask @param {string} token
 * @returns {Promise<{body: Uint8Array<ArrayBuffer>, signature: Uint8Array<ArrayBuffer>}>} nothing of it is checked
 */
async function send(base, operation, ask, token) {
  /** @type {Record<string, string>} */
  const headers = { "content-type": "application/json" };
  if (token) headers.authorization = `Bearer ${token}`;
  let response;
  let body;
  try {
    response = await fetch(`${base}v1/${operation}`, {
      method: "POST",
      headers,
      body: ask,
      credentials: "omit",
      cache: "no-store",
      redirect: "error",
      referrerPolicy: "no-referrer",
      signal: AbortSignal.timeout(PATIENCE),
    });
    body = await limited(response);
  } catch {
    throw new VaultError("unreachable");
  }
  const signature = fromBase64(response.headers.get(SIGNATURE) ?? "");
  // A gateway's own words for "the service is not there" bear no signature, and are not taken for the service's.
  if (!signature?.length) throw new VaultError(response.status >= 500 ? "unreachable" : "unsigned");
  if (!body) throw new VaultError("message");
  return { body, signature };
}

/** @param {Response} response @returns {Promise<Uint8Array<ArrayBuffer> | null>} its body; null, and no more is read, if it is too long */
async function limited(response) {
  const reader = response.body?.getReader();
  const body = new Uint8Array(MESSAGE_MAX);
  let length = 0;
  for (;;) {
    const { done, value } = (await reader?.read()) ?? { done: true, value: undefined };
    if (done || !value) return body.slice(0, length);
    if (length + value.length > MESSAGE_MAX) {
      await reader?.cancel();
      return null;
    }
    body.set(value, length);
    length += value.length;
  }
}
