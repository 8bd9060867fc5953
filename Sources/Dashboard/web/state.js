// What a page shows stands in its address, both ways: address ─▶ state ─▶ address. So back, reload and a mailed link restore
// it. What an address says wrongly falls back to the default, and the address is corrected.

import { VERDICTS, GRANULARITIES, RANGES } from "./words.js";
import { ownZone, zone } from "./zone.js";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const SORTS = ["-clicks", "adId", "-change", "-notCounted"];
const VERDICT_NAMES = new Set(VERDICTS.map(([name]) => name));
/** Series of verdicts in one chart. */
export const MOST_EXTRAS = 3;
/** Points that one question may bring, by minute as many as are asked for. */
const MOST_POINTS = 100_000;

/** The page of a path: `{page, id}`; null where there is none. */
function route(path) {
  const parts = path.split("/").slice(1).map(decoded);
  if (path === "/") return { page: "ads", id: null };
  const [first, id] = parts;
  if (parts.length === 1 && ["campaigns", "ops", "method"].includes(first)) return { page: first, id: null };
  if (parts.length === 2 && id) {
    const page = { ads: "ad", campaigns: "campaign", s: "share" }[first];
    if (page) return { page, id };
  }
  return null;
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** The state of an address. */
export function parse(location) {
  const query = new URLSearchParams(location.search);
  const state = { ...(route(location.pathname) ?? { page: "missing", id: null }) };
  state.tz = zone(query.get("tz") ?? "") ? query.get("tz") : storedZone();
  const [from, to] = ["from", "to"].map((name) => moment(query.get(name)));
  const isExact = from !== null && to !== null && from < to && to - from <= 4_000 * DAY;
  state.from = isExact ? from : null;
  state.to = isExact ? to : null;
  state.range = RANGES.find(({ key }) => key === query.get("range"))?.key ?? "24h";
  state.g = GRANULARITIES.find((name) => name === query.get("g") && fits(name, span(state))) ?? null;
  state.cmp = ["prev", "week"].find((name) => name === query.get("cmp")) ?? null;
  state.m = [...new Set((query.get("m") ?? "").split(","))].filter((name) => VERDICT_NAMES.has(name)).slice(0, MOST_EXTRAS);
  state.view = query.get("view") === "table" ? "table" : "chart";
  state.at = moment(query.get("at"));
  state.q = (query.get("q") ?? "").slice(0, 128);
  state.sort = SORTS.includes(query.get("sort")) ? query.get("sort") : "-clicks";
  state.campaign = (query.get("campaign") ?? "").slice(0, 64);
  return state;
}

function moment(text) {
  if (!text) return null;
  const time = Date.parse(text);
  return Number.isFinite(time) && time > 0 ? Math.floor(time / 60_000) * 60_000 : null;
}

/** Whether a granularity makes sense over so many milliseconds: more than one point, and not too many. */
export function fits(granularity, milliseconds) {
  const size = { minute: 60_000, hour: HOUR, day: DAY, week: 7 * DAY, month: 28 * DAY }[granularity];
  return milliseconds >= size && milliseconds / size <= MOST_POINTS;
}

/** The granularity that is drawn where none is asked for. */
export function chosen(milliseconds) {
  if (milliseconds <= 2 * DAY) return "minute";
  return milliseconds <= 401 * DAY ? "hour" : "day";
}

/** The length of the range. */
export function span(state) {
  return state.from !== null ? state.to - state.from : RANGES.find(({ key }) => key === state.range).span;
}

/** The range as instants: `{from, to, isLive}`. One that ends now ends with the running minute. */
export function bounds(state, now) {
  if (state.from !== null) return { from: state.from, to: state.to, isLive: false };
  const to = Math.floor(now / 60_000) * 60_000 + 60_000;
  return { from: to - span(state), to, isLive: true };
}

/** The address of a state. Each page has its own part of it. */
export function address(state) {
  const query = new Map();
  const iso = (time) => new Date(time).toISOString().replace(":00.000Z", "Z");
  if (["ads", "campaigns", "campaign", "ad", "share"].includes(state.page)) {
    if (state.from !== null) query.set("from", iso(state.from)).set("to", iso(state.to));
    else if (state.range !== "24h") query.set("range", state.range);
  }
  if (["ads", "campaigns"].includes(state.page)) {
    if (state.q) query.set("q", state.q);
    if (state.sort !== "-clicks") query.set("sort", state.sort);
  }
  if (state.page === "ads" && state.campaign) query.set("campaign", state.campaign);
  if (["campaign", "ad", "share"].includes(state.page)) {
    if (state.g) query.set("g", state.g);
    if (state.cmp) query.set("cmp", state.cmp);
    if (state.m.length > 0) query.set("m", state.m.join(","));
    if (state.view === "table") query.set("view", "table");
    if (state.at !== null) query.set("at", iso(state.at));
  }
  // Always: a mailed link shows the same days to a reader in another zone.
  if (!["method", "missing"].includes(state.page)) query.set("tz", state.tz);
  // Slashes, commas and colons need no escape there, and a zone is easier to read with its slash.
  const plain = (value) => encodeURIComponent(value).replace(/%2F|%2C|%3A/g, decodeURIComponent);
  const text = [...query].map(([name, value]) => `${name}=${plain(value)}`).join("&");
  return path(state.page, state.id) + (text ? `?${text}` : "");
}

/** The path of a page. */
export function path(page, id = null) {
  const name = id === null ? "" : `/${encodeURIComponent(id)}`;
  const paths = {
    ads: "/", campaigns: "/campaigns", ops: "/ops", method: "/method", ad: `/ads${name}`, campaign: `/campaigns${name}`, share: `/s${name}`,
  };
  return paths[page] ?? location.pathname;
}

// MARK: What a browser remembers; it may refuse to

/** The reader's last choice of a zone, else the browser's own. */
function storedZone() {
  const stored = remembered("tally.zone");
  return stored && zone(stored) ? stored : ownZone();
}

export function remembered(name) {
  try {
    return localStorage.getItem(name);
  } catch {
    return null;
  }
}

export function remember(name, value) {
  try {
    localStorage.setItem(name, value);
  } catch {
    // A browser without storage forgets: nothing else depends on it.
  }
}
