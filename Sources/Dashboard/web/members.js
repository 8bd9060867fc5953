// The ads of a campaign, the busiest first, beside its chart.

import { get, instant } from "./api.js";
import { el } from "./dom.js";
import { count, share } from "./fmt.js";
import { panel } from "./parts.js";
import { path } from "./state.js";

const SHOWN = 12;
/** Milliseconds between two questions for the same range. */
const REST = 15_000;

/** `whose` names the campaign or the advertiser. */
export function adsOfPanel(context, whose) {
  const part = panel("Ads");
  const request = new AbortController();
  let asked = { key: "", at: 0 };

  async function load(from, to) {
    try {
      const answer = await get("/api/v1/top", { ...whose, by: "clicks", from: instant(from), to: instant(to), limit: 10_000 }, request.signal);
      draw(answer.top.filter((row) => !whose.campaignId || row.campaignId === whose.campaignId));
    } catch (error) {
      if (error.status === 401) context.over();
    }
  }

  function draw(rows) {
    const sum = rows.reduce((total, row) => total + row.clicks, 0);
    part.say(rows.length > SHOWN ? `the busiest ${SHOWN} of ${count(rows.length)}` : "");
    // Whoever was lent a share sees the sum, and no pages of its ads.
    const name = (id) => (context.session.share ? el("span", {}, id) : el("a", { href: path("ad", id) }, id));
    part.fill(el("table", { class: "members" },
      el("thead", { class: "hidden" }, el("tr", {}, ["Ad", "Clicks", "Share"].map((head) => el("th", { scope: "col" }, head)))),
      el("tbody", {}, rows.slice(0, SHOWN).map((row) => el("tr", {},
        el("th", { scope: "row" }, name(row.adId)), el("td", {}, count(row.clicks)), el("td", { class: "quiet" }, share(row.clicks, sum)))))),
      rows.length === 0 ? el("p", { class: "quiet" }, "No clicks in this time.") : null,
      rows.length > SHOWN && !context.session.share && whose.campaignId
        ? el("p", {}, el("a", { href: `/?campaign=${encodeURIComponent(whose.campaignId)}` }, `All ${count(rows.length)} ads`)) : null);
  }

  return {
    element: part.element,
    show(state, from, to) {
      const key = `${state.from ?? state.range} ${state.to}`;
      if (key === asked.key && Date.now() - asked.at < REST) return;
      asked = { key, at: Date.now() };
      load(from, to);
    },
    destroy: () => request.abort(),
  };
}
