// The page's scripts for the tests: one JSON object a line in, one out. {"module": "stretch", "name": "stretched", "given": [...]}
// Bytes are {"bytes": hex} on both sides. `page` is the folder of the scripts.
import { createInterface } from "node:readline";
import { webcrypto } from "node:crypto";
import { pathToFileURL } from "node:url";

globalThis.crypto ??= webcrypto;
const page = pathToFileURL(`${process.argv[2]}/`);
const of = (name) => import(new URL(`${name}.js`, page));
let login;

const own = {
  async shown(key) {
    return (await (await of("identity")).ServiceKey.of(key)).groups;
  },
  async fingerprint(key) {
    return (await (await of("identity")).ServiceKey.of(key)).fingerprint;
  },
  async checkShown(key, text) {
    return (await (await of("identity")).ServiceKey.of(key)).checkShown(text) ?? null;
  },
  async verify(key, ...rest) {
    return (await (await (await of("identity")).ServiceKey.of(key)).verify(...rest)) ?? null;
  },
  async begin(stretched) {
    login = await (await of("pake")).ClientLogin.begin(stretched);
    return login.ke1;
  },
  async finish(ke2) {
    return login.finish(ke2);
  },
  async withoutEd25519() {
    const importKey = crypto.subtle.importKey.bind(crypto.subtle);
    crypto.subtle.importKey = async (format, data, algorithm, ...rest) => {
      if (algorithm === "Ed25519") throw new DOMException("not there", "NotSupportedError");
      return importKey(format, data, algorithm, ...rest);
    };
    return null;
  },
};

const reviving = (_, value) => (typeof value?.bytes === "string" ? Uint8Array.from(Buffer.from(value.bytes, "hex")) : value);
const replacing = (_, value) => (value instanceof Uint8Array ? { bytes: Buffer.from(value).toString("hex") } : value);

for await (const line of createInterface({ input: process.stdin })) {
  const { module, name, given } = JSON.parse(line, reviving);
  let found;
  try {
    const call = module === "own" ? own[name] : (await of(module))[name];
    found = { found: (await call(...given)) ?? null };
  } catch (error) {
    found = "reason" in error ? { reason: error.reason, wait: error.wait } : { error: String(error.stack) };
  }
  process.stdout.write(`${JSON.stringify(found, replacing)}\n`);
}
