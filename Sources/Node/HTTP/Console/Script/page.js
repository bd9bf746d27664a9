"use strict";
// Functions shared by all parts of the page. Everything from outside becomes text, never markup.

const $ = (id) => document.getElementById(id);

/** An element with properties and content; strings in the content stay text. */
function make(tag, properties = {}, ...content) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...content);
  return element;
}

/** Writes only changes, so that a screen reader does not repeat unchanged text. */
function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

const count = (number, thing) => `${number.toLocaleString("en")} ${thing}${number === 1 ? "" : "s"}`;
/** At most four characters: 9999, 10K, 1.2M. */
const brief = (number) => (number < 10000 ? String(number) : number.toLocaleString("en", { notation: "compact" }));
const shortID = (id) => id.slice(0, 8);

/** A query for the API, with `%20` for a space: URLSearchParams writes a plus, which the API reads as a plus. */
const queryOf = (entries) => entries.map((entry) => entry.map(encodeURIComponent).join("=")).join("&");

/** Makes invisible characters visible: control and format characters, and separators other than the space. */
const visible = (text) => text.replace(/[\p{C}\p{Zl}\p{Zp}]|(?! )\p{Zs}/gu, (sign) => `\\u{${sign.codePointAt(0).toString(16)}}`);

/** Shows names of users or groups. They may be any text, so each is isolated from its surroundings (bidi). */
function showNames(element, names) {
  const key = JSON.stringify(names);
  if (element.dataset.names === key) return;
  element.dataset.names = key;
  element.replaceChildren(...names.flatMap((name, index) => {
    const shown = make("bdi", { className: "name" }, visible(name));
    return index ? [", ", shown] : [shown];
  }));
}
const clock = (date) => date.toTimeString().slice(0, 8);

/** An age in one unit. */
function age(seconds) {
  if (seconds < 10) return `${Math.max(0, seconds).toFixed(1)} s`;
  if (seconds < 100) return `${Math.round(seconds)} s`;
  if (seconds < 6000) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172800) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86400)} d`;
}

/**
 * Updates a list to show the items in order. Elements of items that remain are kept, including the focus in them. When the
 * element with the focus is removed, `fallback` gets the focus.
 */
function keep(list, items, keyOf, create, update, fallback) {
  const old = new Map([...list.children].map((element) => [element.dataset.key, element]));
  const wanted = items.map((item) => {
    const key = keyOf(item);
    const element = old.get(key) ?? create(item);
    element.dataset.key = key;
    old.delete(key);
    update(element, item);
    return element;
  });
  for (const element of old.values()) {
    const hadFocus = element.contains(document.activeElement);
    element.remove();
    if (hadFocus) fallback.focus({ preventScroll: true });
  }
  wanted.forEach((element, index) => {
    if (list.children[index] !== element) list.insertBefore(element, list.children[index] ?? null);
  });
}

/** Seconds until the next attempt: 1, 2, 4, 8, then 10, each up to a quarter less, so that many pages do not retry at once. */
const pause = (failures) => Math.min(10, 2 ** Math.max(0, failures - 1)) * (1 - Math.random() / 4);
