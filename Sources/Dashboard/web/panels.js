// Beside a chart: from all requests to the clicks that are paid, and what was changed later, with the reason.

import { el } from "./dom.js";
import { count, listed, many, share, signed } from "./fmt.js";
import { panel } from "./parts.js";
import { MOST_EXTRAS } from "./state.js";
import { INCOMPLETE, NOT_RECOUNTED, NO_CORRECTIONS, SELDOM, VERDICTS, VERDICT_COLOURS, reason } from "./words.js";

const NAMES = new Map(VERDICTS);

/** A waterfall on one scale from 0. `toggle(verdict)` puts the verdict's series into the chart or takes it out. */
export function grossPanel(toggle) {
  const part = panel("From all requests to clicks");
  let shown = "";
  return {
    element: part.element,
    show(sums, chosen) {
      if (sums === null) {
        shown = "";
        part.say("");
        return part.fill(el("p", { class: "quiet" }, "What became of the other requests cannot be told now. The clicks are whole."));
      }
      part.say(sums.gross > 0 ? `${share(sums.gross - sums.clicks, sums.gross)} not counted` : "");
      // Other rows are other listeners.
      const names = sums.verdicts.filter(isShown).map(([name]) => name).join();
      part[names === shown ? "renew" : "fill"](...rows(sums, chosen, toggle));
      shown = names;
    },
  };
}

function isShown([name, amount]) {
  return amount !== 0 || !SELDOM.has(name);
}

function rows(sums, chosen, toggle) {
  const scale = Math.max(sums.gross, sums.clicks, 1);
  let left = sums.gross;
  const down = (amount) => {
    left -= amount;
    return [left, amount];
  };
  const list = [row("All requests", [0, sums.gross], scale, "--c-prev", count(sums.gross), "", "sum")];
  for (const [name, amount] of sums.verdicts.filter(isShown)) {
    const box = el("input", {
      type: "checkbox", name, checked: chosen.includes(name), onchange: () => toggle(name),
      disabled: !chosen.includes(name) && chosen.length >= MOST_EXTRAS,
    });
    const label = el("label", { title: "Show it in the chart" }, box, NAMES.get(name));
    label.style.setProperty("--own", `var(${VERDICT_COLOURS[name]})`);
    list.push(row(label, down(amount), scale, VERDICT_COLOURS[name], count(-amount), amount === 0 ? "" : share(amount, sums.gross)));
  }
  if (sums.corrected !== 0) {
    const place = sums.corrected > 0 ? [left, sums.corrected] : [left + sums.corrected, -sums.corrected];
    list.push(row("Corrected by recounts", place, scale, "--warn", signed(sums.corrected), share(Math.abs(sums.corrected), sums.gross)));
  }
  list.push(row("Clicks", [0, sums.clicks], scale, "--c-clicks", count(sums.clicks), share(sums.clicks, sums.gross), "sum"));
  if (sums.credits !== 0) {
    list.push(row("Credits after sealing", null, scale, "", signed(sums.credits), ""));
    list.push(row("To pay", null, scale, "", count(sums.clicks + sums.credits), "", "sum"));
  }
  const notes = [];
  if (sums.isIncomplete) notes.push(INCOMPLETE);
  if (sums.unknown > 0) {
    const [were, they] = sums.unknown === 1 ? ["was", "it is"] : ["were", "they are"];
    notes.push(`${many(sums.unknown, "more request")} ${were} answered before it was known whether ${they} on disk, and may be among the clicks.`);
  }
  return [el("div", { class: "waterfall" }, list), ...notes.map((note) => el("p", { class: "quiet note" }, note))];
}

function row(label, place, scale, colour, value, part, kind = "") {
  const bar = el("span", { class: "bar", "aria-hidden": "true" });
  if (place && place[1] > 0) {
    const piece = el("i", {});
    piece.style.left = `${Math.max((100 * place[0]) / scale, 0)}%`;
    piece.style.width = `max(1px, ${(100 * place[1]) / scale}%)`;
    piece.style.background = `var(${colour})`;
    bar.append(piece);
  }
  return el("div", { class: `fall ${kind}` }, el("span", { class: "name" }, label), bar,
    el("span", { class: "number" }, value), el("span", { class: "share" }, part));
}

/** Every correction and credit, the newest first. `open(mark)` puts it into the address. */
export function correctionsPanel(open) {
  const part = panel("Corrections and credits");
  let shown = [];
  let last = [];
  return {
    element: part.element,
    /** `isRecounted` says whether any recount has looked. */
    show(marks, at, now, zone, isRecounted) {
      const given = [marks, at, zone, isRecounted];
      if (given.every((value, i) => value === last[i])) return;
      last = given;
      part.say(marks.length === 0 ? "" : `${count(marks.length)} in 400 days`);
      shown = [...marks].reverse();
      if (shown.length === 0) return part.fill(el("p", { class: "quiet" }, isRecounted ? NO_CORRECTIONS : NOT_RECOUNTED));
      const list = el("ol", { class: "corrections" }, shown.slice(0, 200).map((mark) => entry(mark, mark.time === at, now, zone, open)));
      const had = part.body.contains(document.activeElement);
      part.fill(list, shown.length > 200 ? el("p", { class: "quiet" }, "Older ones are in the query’s answer.") : null);
      if (had) part.body.querySelector("[aria-current]")?.focus();
    },
    fail: () => part.fill(el("p", { class: "quiet" }, "What recounts changed cannot be told now.")),
    /** Moves the focus to an entry. */
    focus(mark) {
      const button = part.body.querySelectorAll(".corrections button")[shown.findIndex(({ time }) => time === mark.time)];
      button?.focus();
      button?.scrollIntoView({ block: "nearest" });
    },
  };
}

function entry(mark, isOpen, now, zone, open) {
  const { correction } = mark;
  const changed = Date.parse(correction.time);
  const more = isOpen
    ? el("span", { class: "more" }, `Recount ${correction.run}, ${listed(changed, now, zone)} ${zone.name(changed)}`) : null;
  return el("li", {}, el("button", { type: "button", "aria-current": isOpen ? "true" : null, onclick: () => open(mark) },
    el("time", { datetime: correction.minute }, listed(mark.time, now, zone)),
    el("span", { class: "what" }, correction.adId ? el("span", { class: "whose" }, correction.adId) : null,
      el("span", {}, mark.isCredit ? "sealed" : `${count(correction.from)} → ${count(correction.to)}`),
      el("span", { class: "why" }, reason(correction)), more),
    el("b", {}, signed(mark.change))));
}
