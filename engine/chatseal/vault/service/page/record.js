// Record: what the status says about one, shown before a guess is spent.

import { byId, button, fill, say } from "./elements.js";
import { hex } from "./bytes.js";
import { duration, failuresSaid, moment } from "./words.js";

const GUESSES = 10;
const FEW = 3;

/** @type {ReturnType<typeof setInterval> | undefined} */
let ticking;

/** @param {import("./messages.js").RecordStatus} record @param {number} generation */
export function showRecord(record, generation) {
  const left = record.guesses_left;
  fill("guesses", "span", Array(GUESSES).fill(""));
  [...byId("guesses").children].forEach((dot, at) => dot.classList.toggle("left", at < left));
  byId("guesses").classList.toggle("few", left <= FEW);
  const fate = left === 1 ? " If it is wrong, the record is destroyed." : left <= FEW ? " Then the record is destroyed." : "";
  say("guesses-said", left ? `${left} of ${GUESSES} guesses left.${fate}` : "No guess is left.");
  say("open-said", record.open ? "Another attempt is under way just now." : "");

  byId("failures").hidden = !record.failures.length;
  say("failures-said", record.failures.length ? failuresSaid(record.failures) : "");
  fill("failures-list", "li", record.failures.map(({ time }) => moment(time)));
  const { announcement } = record;
  const what = announcement?.operation === "delete" ? "deletion" : "replacement";
  const rescue = "Whoever asked for it did not have the key. If it was not you, recover now: a success withdraws it.";
  say("announced", announcement ? `The ${what} of this record is announced for ${moment(announcement.time)}. ${rescue}` : "");
  say("record-said", `Record ${hex(record.record_id)}, generation ${generation}`);
  countDown(left ? record.wait : 0, left > 0);
}

/** @param {number} wait seconds before the next guess @param {boolean} isAllowed whether there is one */
function countDown(wait, isAllowed) {
  clearInterval(ticking);
  const until = performance.now() + wait * 1000;
  const tick = () => {
    const left = Math.ceil((until - performance.now()) / 1000);
    button("recover").disabled = !isAllowed || left > 0;
    button("recover").textContent = isAllowed && left > 0 ? `The next guess in ${duration(left)}` : "Recover the key";
    if (left <= 0) clearInterval(ticking);
  };
  if (wait) ticking = setInterval(tick, 1000);
  tick();
}
