// Digits: a backup key as people keep it.

import { hex } from "./bytes.js";

/** @param {Uint8Array} secret 32 bytes @returns {string[]} 16 groups of 4 hexadecimal digits */
export function groups(secret) {
  return hex(secret).match(/.{4}/g) ?? [];
}

/** @param {Uint8Array} secret @returns {string} a key file, as `chatseal` writes one */
export function keyFile(secret) {
  const all = groups(secret);
  const lines = [0, 4, 8, 12].map((at) => all.slice(at, at + 4).join(" "));
  return `# chatseal backup key: whoever has it can open your backups; without it nobody can\n${lines.join("\n")}\n`;
}
