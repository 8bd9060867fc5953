// Parts that several pages are made of.

import { el, fill, renew, setText } from "./dom.js";
import { finality, RANGES } from "./words.js";

/** One of several: buttons in a row. `entries` are `[value, label]`, `isOff(value)` those that cannot be chosen now. */
export function segments(label, entries, choose) {
  const buttons = entries.map(([value, text]) => el("button", { type: "button", onclick: () => choose(value), "data-value": value }, text));
  const element = el("div", { class: "segments", role: "group", "aria-label": label }, buttons);
  return {
    element,
    show(value, isOff = () => false) {
      for (const button of buttons) {
        button.setAttribute("aria-pressed", String(button.dataset.value === value));
        button.disabled = isOff(button.dataset.value);
      }
    },
  };
}

/** The range's buttons. */
export function rangeButtons(choose) {
  return segments("Range", RANGES.map(({ key, label }) => [key, label]), choose);
}

/** The line that says how sure the numbers are. It is no live region: it would speak each minute. */
export function finalLine() {
  const strong = el("b", {});
  const rest = el("span", {});
  return {
    element: el("p", { class: "final" }, strong, rest),
    show(...given) {
      const [start, end] = finality(...given);
      setText(strong, start);
      setText(rest, end);
    },
  };
}

/** What went wrong, with what can be done. */
export function problem(error, again) {
  const reference = error.requestId ? el("span", { class: "quiet" }, `Request ${error.requestId}`) : null;
  return el("div", { class: "problem", role: "alert" },
    el("b", {}, sentence(error.message)), error.detail ? el("span", {}, sentence(error.detail)) : null, reference,
    again ? el("button", { type: "button", class: "button", onclick: again }, "Try again") : null);
}

function sentence(text) {
  const whole = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.:?]$/.test(whole) ? whole : `${whole}.`;
}

/** The words of an error in place of a page. */
export function apology(error, again) {
  if (error.status === 404) return empty("There is no such thing here", "It may be mistyped, or belong to somebody else.", el("a", { href: "/" }, "All ads"));
  if (error.status === 503) return empty("The server is starting: it reads its log again.", error.detail);
  return problem(error, again);
}

/** Why there is nothing, and what can be done about it. */
export function empty(title, words, ...more) {
  return el("div", { class: "empty" }, el("b", {}, title), words ? el("p", {}, words) : null, ...more);
}

/** A command to copy. */
export function command(text) {
  const button = el("button", { type: "button", class: "button small", "aria-label": `Copy ${text}` }, "Copy");
  button.addEventListener("click", async () => {
    await navigator.clipboard?.writeText(text).catch(() => {});
    setText(button, "Copied");
    setTimeout(() => setText(button, "Copy"), 2_000);
  });
  return el("div", { class: "command" }, el("code", {}, text), button);
}

/** Grey bars in place of numbers, from 150 ms on: what comes sooner needs none. */
export function whileLoading(element, promise) {
  element.setAttribute("aria-busy", "true");
  const timer = setTimeout(() => element.classList.add("loading"), 150);
  return promise.finally(() => {
    clearTimeout(timer);
    element.classList.remove("loading");
    element.removeAttribute("aria-busy");
  });
}

/** A panel with a title and a figure beside it. */
export function panel(title, ...children) {
  const aside = el("span", { class: "quiet" });
  const body = el("div", { class: "panel-body" }, ...children);
  return {
    element: el("section", { class: "panel" }, el("header", {}, el("h2", {}, title), aside), body),
    say: (text) => setText(aside, text),
    fill: (...nodes) => fill(body, ...nodes),
    renew: (...nodes) => renew(body, ...nodes),
    body,
  };
}
