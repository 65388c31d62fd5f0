// Start: the page, or plain words on why there is none.

import { byId } from "./elements.js";

/** @returns {Promise<string | null>} why the page cannot work, or null */
async function missing() {
  if (!globalThis.isSecureContext || !globalThis.crypto?.subtle || !globalThis.WebAssembly) return "old-browser";
  const notice = await fetch("vendor/NOTICE.txt", { method: "HEAD" }).catch(() => null);
  return notice && !notice.ok ? "not-built" : null;
}

const why = await missing();
if (!why) {
  try {
    await import("./page.js");
  } catch {
    say("old-browser");
  }
} else {
  say(why);
}

/** @param {string} reason */
function say(reason) {
  const unbuilt = reason === "not-built";
  byId("trouble-title").textContent = unbuilt ? "This page is not built" : "This browser cannot do it";
  byId("trouble-text").textContent = unbuilt
    ? "The vault works, but the files that its page computes with are not installed."
    : "It lacks something that the page computes with: WebAssembly, workers or Web Cryptography.";
  byId("trouble-remedy").textContent = unbuilt
    ? "Whoever runs the vault can run `make page`. On a computer, `chatseal vault recover` does the same."
    : "Use a newer browser, over https, or `chatseal vault recover` on a computer.";
  byId("trouble-again").hidden = true;
  byId("trouble").hidden = false;
  byId("service").hidden = true;
  byId("account").hidden = true;
}
