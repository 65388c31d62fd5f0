// Page: which part of it is shown, and what happens when something is pressed. Nothing is stored, and fields are emptied when they are read.

import { byId, button, field, fill, say } from "./elements.js";
import { VaultError } from "./errors.js";
import { forgetFound, showFound } from "./found.js";
import { showRecord } from "./record.js";
import { Recovery } from "./recovery.js";
import { VaultService } from "./service.js";
import { duration, wordsFor, wordsForTombstone } from "./words.js";

const PARTS = ["service", "account", "password-form", "work", "found", "trouble"];
const FINGERPRINT_LENGTH = 32;

/** @type {VaultService | null} */
let service = null;
/** @type {Recovery | null} */
let recovery = null;
/** @type {import("./messages.js").Status | null} */
let status = null;
/** @type {() => void} */
let again = () => {};

/** @param {...string} parts those to be seen @returns {void} */
function show(...parts) {
  for (const part of PARTS) byId(part).hidden = !parts.includes(part);
  scrollTo(0, 0);
}

/** @param {unknown} error @param {() => void} retry @param {string} [more] what is to be said besides */
function complain(error, retry, more = "") {
  const known = error instanceof VaultError ? error : new VaultError("old-browser");
  const { title, text, remedy } = wordsFor(known.reason);
  const wait = known.wait ? ` In ${duration(known.wait)} it can go better.` : "";
  trouble({ title, text: `${text}${more && ` ${more}`}${wait}`, remedy }, retry);
}

/** @param {import("./words.js").Said} said @param {() => void} retry */
function trouble({ title, text, remedy }, retry) {
  byId("trouble-title").textContent = title;
  byId("trouble-text").textContent = text;
  byId("trouble-remedy").textContent = remedy;
  again = retry;
  show("trouble");
  byId("trouble").focus();
}

async function meet() {
  show("service", "account");
  try {
    service = await VaultService.meet(new URL(".", document.baseURI).href);
    fill("fingerprint", "span", service.key.groups);
    compare();
  } catch (error) {
    complain(error, meet);
  }
}

/** Say whether the fingerprint that was given is the vault's, once it is whole. */
function compare() {
  const expected = field("expected");
  const typed = expected.value.replace(/[\s-]+/g, "");
  byId("expected-said").className = "said";
  expected.setAttribute("aria-invalid", "false");
  if (!typed || !service) {
    byId("expected-said").textContent = "";
    return;
  }
  try {
    service.key.checkShown(typed);
    byId("expected-said").textContent = "It is the same vault.";
  } catch (error) {
    const isOther = error instanceof VaultError && error.reason === "fingerprint";
    const isWhole = isOther || typed.length >= FINGERPRINT_LENGTH;
    byId("expected-said").textContent = isOther ? "This is another vault. Do not go on." : isWhole ? "That is no fingerprint." : "";
    byId("expected-said").classList.toggle("bad", isWhole);
    expected.setAttribute("aria-invalid", String(isWhole));
  }
}

/** Ask how things stand, and show it. */
async function lookUp() {
  if (!recovery) return;
  try {
    status = await recovery.status();
  } catch (error) {
    complain(error, restart);
    return;
  }
  if (status.record) {
    showRecord(status.record, status.generation);
    show("password-form");
    byId("password-title").focus();
  } else if (status.tombstone) {
    trouble(wordsForTombstone(status.tombstone), restart);
  } else {
    complain(new VaultError("no-record"), restart, status.generation ? `It was at generation ${status.generation}, though.` : "");
  }
}

/** Empty everything. */
function forget() {
  for (const id of ["name", "token", "password"]) field(id).value = "";
  concealPassword();
  forgetFound();
  recovery = status = null;
}

/** From the beginning. */
function restart() {
  forget();
  meet();
}

function concealPassword() {
  field("password").type = "password";
  button("password-show").textContent = "Show";
  button("password-show").setAttribute("aria-pressed", "false");
}

/** @param {import("./recovery.js").Step} step */
function progress(step) {
  let isPast = true;
  for (const item of byId("steps").children) {
    const isNow = item.getAttribute("data-step") === step;
    item.className = isNow ? "now" : isPast && !isNow ? "past" : "";
    item.toggleAttribute("aria-current", isNow);
    if (isNow) isPast = false;
  }
}

byId("expected").addEventListener("input", compare);
byId("trouble-again").addEventListener("click", () => again());
byId("back").addEventListener("click", restart);
byId("done").addEventListener("click", restart);

byId("account").addEventListener("submit", async (event) => {
  event.preventDefault();
  if (!service || button("continue").disabled) return;
  const expected = field("expected").value.trim();
  try {
    if (expected) service.key.checkShown(expected);
    recovery = new Recovery(service, { name: field("name").value.trim(), token: field("token").value.trim() });
  } catch (error) {
    complain(error, () => show("service", "account"));
    return;
  }
  field("token").value = "";
  button("continue").disabled = true;
  await lookUp().finally(() => (button("continue").disabled = false));
});

byId("password-show").addEventListener("click", () => {
  const isShown = field("password").type === "text";
  if (isShown) return concealPassword();
  field("password").type = "text";
  button("password-show").textContent = "Hide";
  button("password-show").setAttribute("aria-pressed", "true");
});

byId("password-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  if (!recovery || !status?.record || button("recover").disabled) return;
  const { memory, passes } = status.record.stretch;
  const typed = field("password").value;
  field("password").value = "";
  concealPassword();
  say("work-cost", `${Math.round(memory / 1024)} MiB of memory, ${passes === 1 ? "once" : `${passes} times`} over: some seconds, and as long for whoever guesses.`);
  show("work");
  byId("work-title").focus();
  try {
    showFound(await recovery.recover(typed, status, progress));
    show("found");
    byId("found-title").focus();
  } catch (error) {
    await explain(error);
  }
});

/** What became of a guess: with the guesses that are left, if the vault still says so. @param {unknown} error */
async function explain(error) {
  const left = await recovery?.status().then(
    ({ record, tombstone }) => (record ? guessesSaid(record.guesses_left, record.wait) : tombstone ? "The record is destroyed." : ""),
    () => "",
  );
  complain(error, () => lookUp(), left);
}

/** @param {number} left @param {number} wait */
function guessesSaid(left, wait) {
  const many = left === 1 ? "One guess is left, the last one" : left ? `${left} guesses are left` : "No guess is left";
  return `${many}${wait ? `; the next one can be tried in ${duration(wait)}` : ""}.`;
}

// A browser may keep a page for "back", with all that is on it.
addEventListener("pagehide", forget);
addEventListener("pageshow", ({ persisted }) => persisted && restart());

await meet();
