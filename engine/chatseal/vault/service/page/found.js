// Found: the digits on the page: covered until asked for, copied, saved, and gone.

import { byId, button, fill, say } from "./elements.js";
import { groups, keyFile } from "./digits.js";
import { moment } from "./words.js";

/** @type {Uint8Array | null} */
let secret = null;

/** @param {import("./recovery.js").Recovered} recovered */
export function showFound(recovered) {
  secret = recovered.secret;
  const { failures } = recovered;
  const many = failures.length === 1 ? "1 wrong guess" : `${failures.length} wrong guesses`;
  const last = failures.length ? moment(Math.max(...failures.map(({ time }) => time))) : "";
  say("before", failures.length ? `Before this there were ${many}, the last on ${last}. If that was not you, somebody tried.` : "");
  cover(true);
}

/** Take everything off the page and out of memory, as far as a browser lets one. */
export function forgetFound() {
  secret?.fill(0);
  secret = null;
  fill("digits", "span", []);
  byId("found-said").textContent = "";
}

/** @param {boolean} isCovered */
function cover(isCovered) {
  fill("digits", "span", isCovered || !secret ? Array(16).fill("••••") : groups(secret));
  byId("digits").classList.toggle("covered", isCovered);
  byId("digits").setAttribute("aria-label", isCovered ? "The 64 digits, covered" : "The 64 digits, in 16 groups of four");
  button("digits-show").setAttribute("aria-pressed", String(!isCovered));
  button("digits-show").textContent = isCovered ? "Show digits" : "Cover digits";
}

button("digits-show").addEventListener("click", () => cover(!byId("digits").classList.contains("covered")));

button("digits-copy").addEventListener("click", async () => {
  if (!secret) return;
  const copied = await navigator.clipboard.writeText(groups(secret).join(" ")).then(
    () => true,
    () => false,
  );
  byId("found-said").textContent = copied ? "Copied. Paste them, then copy something else." : "The browser does not let the page copy: show the digits.";
});

button("digits-save").addEventListener("click", () => {
  if (!secret) return;
  const address = URL.createObjectURL(new Blob([keyFile(secret)], { type: "text/plain" }));
  const link = document.createElement("a");
  link.href = address;
  link.download = "backup.key";
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
  byId("found-said").textContent = "Saved as backup.key. Keep it where only you can read it.";
});
