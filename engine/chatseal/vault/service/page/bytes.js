// Bytes: spelled, joined and compared.

/** @param {string} text of ASCII characters @returns {Uint8Array<ArrayBuffer>} */
export function ascii(text) {
  return Uint8Array.from(text, (letter) => letter.charCodeAt(0));
}

/** @param {...Uint8Array} parts @returns {Uint8Array<ArrayBuffer>} */
export function joined(...parts) {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** @param {Uint8Array} data @returns {string} lower case */
export function hex(data) {
  return Array.from(data, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** @param {Uint8Array} data @returns {string} base64 with padding */
export function base64(data) {
  return btoa(String.fromCharCode(...data));
}

/**
 * @param {string} text
 * @returns {Uint8Array<ArrayBuffer> | null} null for anything but the one spelling of these bytes, padding included
 */
export function fromBase64(text) {
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(text) || text.length % 4) return null;
  const data = ascii(atob(text));
  return base64(data) === text ? data : null;
}

/** @param {Uint8Array} data @returns {string} base64 of addresses, without padding: the spelling of the OPAQUE package */
export function base64url(data) {
  return base64(data).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
}

/** @param {string} text of that spelling @returns {Uint8Array<ArrayBuffer>} */
export function fromBase64url(text) {
  return ascii(atob(text.replace(/-/g, "+").replace(/_/g, "/")));
}

/** @param {Uint8Array} one @param {Uint8Array} other @returns {boolean} found without a hint at where they differ */
export function same(one, other) {
  if (one.length !== other.length) return false;
  return one.reduce((difference, byte, at) => difference | (byte ^ other[at]), 0) === 0;
}
