// The words of the page, in one place: what an advertiser reads has one name everywhere, and no jargon.

import { count, many, moment } from "./fmt.js";

/** What became of requests that are no clicks, in the order of the list. The keys are the names of the query's metrics. */
export const VERDICTS = [
  ["duplicate", "Repeats of a click"],
  ["bot", "Robots"],
  ["expired", "Expired links"],
  ["prefetch", "Prefetch by the browser"],
  ["bad-signature", "Forged or damaged links"],
  ["head", "Link checks (HEAD)"],
  ["paused", "While the ad was paused"],
  ["unrecorded", "Not recorded by a fault"],
];

/** Rows that stand in the list only where they are not 0: they are no part of an ordinary day. */
export const SELDOM = new Set(["paused", "unrecorded"]);

/** The colour of each verdict, by the name of its token. */
export const VERDICT_COLOURS = {
  duplicate: "--c-duplicate", bot: "--c-bot", expired: "--c-expired", prefetch: "--c-prefetch",
  "bad-signature": "--c-bad", head: "--c-head", paused: "--c-limited", unrecorded: "--c-bad",
};

/** Statuses from the least certain on; a point's number in the program is its place here. */
export const STATUSES = ["provisional", "closed", "reconciled", "sealed"];

export const STATUS_WORDS = {
  provisional: "still counting", closed: "closed", reconciled: "recounted", sealed: "sealed",
};

/** A sign beside the word, so that nothing is told by colour alone. */
export const STATUS_SIGNS = { provisional: "┄", closed: "–", reconciled: "✓", sealed: "■" };

export const STATUS_HELP = {
  provisional: "Its time is not over, or late clicks may still come.",
  closed: "Late clicks were waited for.",
  reconciled: "Counted again from the raw log, exactly.",
  sealed: "Never changes; a difference becomes a credit.",
};

const REASONS = {
  late: "Came late", "late-repeat": "Repeat found", phantom: "Counted without a click",
  missing: "Read again", damage: "Read again",
};

/** Why a count was changed, with the server's own words behind where it has any. */
export function reason(correction) {
  const why = REASONS[correction.reason] ?? "Recounted";
  const text = correction.detail ? `${why}: ${correction.detail}` : why;
  const how = correction.change < 0 ? "paid back" : "charged beside it";
  return correction.credit ? `Credit: the month is sealed, so the count stays and the difference is ${how}. ${text}` : text;
}

/** How sure the numbers of a page are: the bold beginning and the rest. */
export function finality(completeThrough, from, to, now, zone) {
  if (completeThrough === null) return ["Nothing is final yet:", ` the first minute closes at ${moment(now + 180_000, now, zone)}.`];
  if (completeThrough >= to) return ["Everything shown is final.", ""];
  if (completeThrough <= from) {
    return ["Nothing shown is final yet:", ` counts after ${moment(completeThrough, now, zone)} may still grow.`];
  }
  const at = moment(completeThrough, now, zone);
  const cut = at.lastIndexOf(" ");
  return [`Final until ${at.slice(0, cut)}`, `${at.slice(cut)}. Counts after that may still grow.`];
}

export const GRANULARITIES = ["minute", "hour", "day", "week", "month"];

/** The ranges that have a name: key of the address, label of the button, words in a sentence, milliseconds. */
export const RANGES = [
  { key: "1h", label: "Hour", words: "in the last hour", span: 3_600_000, before: "the hour before" },
  { key: "24h", label: "24 hours", words: "in the last 24 hours", span: 24 * 3_600_000, before: "the 24 hours before" },
  { key: "7d", label: "7 days", words: "in the last 7 days", span: 7 * 86_400_000, before: "the 7 days before" },
  { key: "30d", label: "30 days", words: "in the last 30 days", span: 30 * 86_400_000, before: "the 30 days before" },
  { key: "400d", label: "400 days", words: "in the last 400 days", span: 400 * 86_400_000, before: "the 400 days before" },
];

/** What the comparison compares with: in a sentence, and as a choice. */
export function comparison(kind, range) {
  if (kind === "week") return "the same time a week before";
  return range?.before ?? "as long before";
}

export function comparisonChoice(kind, range) {
  return kind === "week" ? "a week before" : comparison(kind, range).replace("the ", "");
}

export const NO_CLICKS = "No clicks in this time. The ad is known and its log is complete: the number is 0, not missing.";
export const NO_CORRECTIONS = "None. Every recount agreed with the first count.";
export const NOT_RECOUNTED = "None. Nothing was recounted yet.";
export const INCOMPLETE = "Requests that are no clicks are told incompletely here: the server ended before it had written them. The clicks are whole.";
export const BAD_TOKEN = "This token is not known. It may be mistyped, revoked or expired.";
export const SESSION_OVER = "Your session has ended. Sign in again.";
export const SHARE_OVER = "This link has ended. Ask whoever gave it to you for a new one.";
export const NOT_ADMIN = "This page needs a token with the scope admin.";

/** Since when the connection is lost. */
export function lostSince(since, now, zone) {
  return `The connection is lost since ${moment(since, now, zone)}. The numbers stand as they were; missed minutes are `
    + "fetched when it is back.";
}

/** The chart in two sentences, for screen readers and print. */
export function summary({ points, granularity, from, to, total, highest, highestAt }) {
  if (points === 0) return NO_CLICKS;
  const top = highest > 0 ? `; the highest is ${count(highest)} at ${highestAt}` : "";
  return `${many(points, "point")} by ${granularity}, from ${from} to ${to}. ${many(total, "click")} in all${top}.`;
}
