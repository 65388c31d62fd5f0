// Elements: the page's own, found and filled.

/** @param {string} id @returns {HTMLElement} */
export function byId(id) {
  const found = document.getElementById(id);
  if (!found) throw new Error(`no element ${id}`);
  return found;
}

/** @param {string} id @returns {HTMLInputElement} */
export function field(id) {
  return /** @type {HTMLInputElement} */ (byId(id));
}

/** @param {string} id @returns {HTMLButtonElement} */
export function button(id) {
  return /** @type {HTMLButtonElement} */ (byId(id));
}

/** @param {string} id @param {string} text which is shown if there is some */
export function say(id, text) {
  byId(id).textContent = text;
  byId(id).hidden = !text;
}

/** @param {string} id @param {string} tag @param {string[]} texts an element for each */
export function fill(id, tag, texts) {
  byId(id).replaceChildren(
    ...texts.map((text) => {
      const made = document.createElement(tag);
      made.textContent = text;
      return made;
    }),
  );
}
