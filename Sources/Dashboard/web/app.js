// The frame around the pages: who is signed in, which page an address names, and what the keys do. A page is an object with
// `element`, `show(state)`, `key(letter)` and `destroy()`; it stays while the address names the same thing, and is told the
// new state. The code of a page comes with its first visit (load.js).

import { session, signOut, serverNow, unreachable } from "./api.js";
import { announce, el, fill } from "./dom.js";
import { Frame } from "./frame.js";
import { Letters } from "./keys.js";
import { part, reloadIfOld } from "./load.js";
import { apology, empty } from "./parts.js";
import { address, parse, path, remember } from "./state.js";
import { NOT_ADMIN, SESSION_OVER, SHARE_OVER, lostSince } from "./words.js";
import { zone } from "./zone.js";

const main = document.getElementById("main");
const frame = new Frame({ zone: (id) => choose(id), signOut: leave, keys: () => letters.help() });
const letters = new Letters((letter) => page?.key?.(letter) ?? false);

let who = null;
let page = null;
let shown = "";
let state = parse(location);

// MARK: Navigation

/** Changes the state of this page. Choices can be taken back, typing and opening replace. */
function go(changes, { replace = false, before = undefined } = {}) {
  state = { ...state, ...changes };
  const kept = before === undefined ? history.state : { ...history.state, before };
  history[replace ? "replaceState" : "pushState"](kept, "", address(state));
  render();
}

/** Goes to another page; the zone comes along. */
function visit(link) {
  const url = new URL(link);
  if (!url.searchParams.has("tz")) url.searchParams.set("tz", state.tz);
  if (!url.searchParams.has("range") && state.range !== "24h" && state.from === null) url.searchParams.set("range", state.range);
  history.pushState(null, "", url.pathname + url.search + url.hash);
  arrive(true);
}

async function arrive(isVisit) {
  const before = shown;
  state = parse(location);
  const corrected = address(state);
  if (corrected !== location.pathname + location.search) history.replaceState(history.state, "", corrected + location.hash);
  await render();
  if (isVisit) scrollTo(0, 0);
  // Those who cannot see that the page has changed are told by its title.
  if (shown !== before) main.querySelector("h1")?.focus({ preventScroll: true });
}

addEventListener("popstate", () => arrive(false));

document.addEventListener("click", (event) => {
  const link = event.target.closest?.("a[href]");
  if (!link || event.defaultPrevented || event.button !== 0 || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
  const { page: target } = link.origin === location.origin ? parse(link) : {};
  // Into a share and out of it another session speaks: the page starts anew.
  const isOurs = target && target !== "missing" && target !== "share" && state.page !== "share" && !link.download;
  if (!isOurs || link.getAttribute("href").startsWith("#")) return;
  event.preventDefault();
  visit(link.href);
});

function choose(id) {
  remember("tally.zone", id);
  go({ tz: id });
}

// MARK: Pages

/** What pages use of the frame. */
function context() {
  return { session: who, go, over, live: showLive };
}

/** The part of the program that a page is in. */
function partOf({ page: name }) {
  return { ads: "list", campaigns: "list", ad: "counts", campaign: "counts", share: "counts", ops: "ops", method: "method" }[name] ?? null;
}

async function make({ page: name, id }) {
  if (name === "ops" && !who.isAdmin) return words("Operations", NOT_ADMIN);
  if (!partOf({ page: name })) return words("There is no such page", "The address may be mistyped.");
  const { ListPage, CountsPage, MethodPage, OpsPage } = await part(partOf({ page: name }));
  switch (name) {
    case "ads": return () => new ListPage(context(), "ad");
    case "campaigns": return () => new ListPage(context(), "campaign");
    case "campaign":
    case "ad": return () => new CountsPage(context(), name, id);
    case "method": return () => new MethodPage();
    case "ops": return () => new OpsPage(context());
    default: return who.share.campaignId
      ? () => new CountsPage(context(), "campaign", who.share.campaignId) : () => new CountsPage(context(), "advertiser", who.share.advertiserId);
  }
}

/** A page of words alone. */
function words(title, text) {
  return () => ({
    element: el("div", { class: "page" }, el("h1", { tabIndex: -1 }, title), empty(text, "", el("p", {}, el("a", { href: "/" }, "All ads")))),
    show() {}, destroy() {},
  });
}

function nameOf(place) {
  return `${place.page} ${place.id}`;
}

async function render() {
  frame.show(state, who, serverNow());
  document.title = title();
  if (!who && state.page !== "method") return start();
  const name = nameOf(state);
  if (name !== shown || !page) {
    let open;
    main.setAttribute("aria-busy", "true");
    try {
      open = await make(state);
    } catch {
      return missing();
    } finally {
      main.removeAttribute("aria-busy");
    }
    // Meanwhile the reader may have gone on, or signed out.
    if (name !== nameOf(state) || (!who && state.page !== "method")) return;
    if (name !== shown || !page) {
      clear();
      page = open();
      shown = name;
      fill(main, page.element);
    }
  }
  page.show(state);
}

/** A part of the program did not come: the server is gone, or has another version. */
async function missing() {
  clear();
  apologize(unreachable(), render);
  await reloadIfOld();
}

function apologize(error, again) {
  fill(main, el("div", { class: "page" }, el("h1", { tabIndex: -1 }, "Tally"), apology(error, again)));
}

function title() {
  const names = { ads: "Ads", campaigns: "Campaigns", ops: "Operations", method: "How we count", share: who?.share?.campaignId ?? "Shared" };
  return `${state.id !== null && state.page !== "share" ? state.id : names[state.page] ?? "Not here"} · Tally`;
}

function clear() {
  page?.destroy();
  page = null;
  shown = "";
  showLive("none");
}

// MARK: Sessions

/** Finds out who is signed in; without anybody the sign-in stands in place of the page, so the address survives. */
async function start() {
  arriveAtShare();
  // Both come at once: who it is, and what will be shown to them.
  part(partOf(state) ?? "list").catch(() => {});
  try {
    if (state.page === "share") who = await (await part("signIn")).openShare(state.id, secret);
    else if (state.page !== "method") who = await session();
    else who = await session().catch(() => null);
    // Whoever was lent a page is nobody on the others.
    if (who?.share && state.page !== "share") who = null;
    if (!who && state.page !== "method") return askToSignIn("");
  } catch (error) {
    return refused(error);
  }
  render();
}

let secret = "";

/** The secret of a share's link stands behind `#`: it is taken out of the address before anything else. */
function arriveAtShare() {
  if (state.page === "share" && location.hash) secret = location.hash.slice(1);
  history.replaceState(history.state, "", address(state) + (state.page === "share" ? "" : location.hash));
}

function refused(error) {
  who = null;
  frame.show(state, null, serverNow());
  document.title = title();
  if (state.page === "share" && [401, 403, 404].includes(error.status)) {
    return fill(main, el("div", { class: "page" }, el("h1", { tabIndex: -1 }, "Shared counts"), empty(SHARE_OVER)));
  }
  if (error.status === 401) return askToSignIn("");
  apologize(error, start);
  if (error.status === 503) setTimeout(start, Math.max(error.retryAfter, 2) * 1_000);
}

async function askToSignIn(note) {
  const { signInForm } = await part("signIn").catch(() => ({}));
  if (!signInForm) return missing();
  fill(main, signInForm(note, async (session) => {
    who = session;
    announce("Signed in.");
    await render();
    main.querySelector("h1")?.focus();
  }));
  main.querySelector("input")?.focus();
}

/** The session has ended: nothing of the page stays. */
function over() {
  clear();
  who = null;
  // A server that was started anew has forgotten its sessions; a link that still holds opens another one.
  if (state.page === "share") return secret ? start() : refused({ status: 401 });
  frame.show(state, null, serverNow());
  // Nothing of the page stays, whether the form comes or not.
  fill(main);
  askToSignIn(SESSION_OVER);
}

async function leave() {
  await signOut().catch(() => {});
  clear();
  who = null;
  history.replaceState(null, "", path("ads"));
  state = parse(location);
  frame.show(state, null, serverNow());
  fill(main);
  askToSignIn("");
}

// MARK: The connection

let wasLost = false;

/** How fresh the page is; a loss stands above the page until it is over. */
function showLive(condition, since = 0) {
  frame.live(condition);
  const isLost = condition === "lost";
  if (isLost) fill(document.getElementById("connection"), el("p", { class: "note" }, lostSince(since, Date.now(), zone(state.tz))));
  else {
    fill(document.getElementById("connection"));
    if (wasLost && ["live", "polled"].includes(condition)) announce("Live again.");
  }
  wasLost = isLost;
}

start();
