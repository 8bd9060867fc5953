// The server's answers. One function asks, and every failure is an `ApiError` that says what a person can do about it:
//
//     401              not signed in, or no longer: the sign-in takes the page's place
//     404              not there, or not this reader's: the same words for both
//     503              not ready: asked again after `Retry-After`
//     no answer at all the connection is lost: what is shown stays
//
// The server's clock is the page's clock: ranges that end now are sent as instants of the server.

/** What went wrong, from the problem document (RFC 9457) where the server has sent one. */
class ApiError extends Error {
  constructor(status, problem = {}, retryAfter = 0) {
    super(problem.title ?? (status === 0 ? "The server cannot be reached" : `The server answered ${status}`));
    this.status = status;
    this.detail = problem.detail ?? "";
    this.requestId = problem.requestId ?? "";
    /** Seconds. */
    this.retryAfter = retryAfter;
  }
}

/** What is shown where there was no answer at all. */
export function unreachable() {
  return new ApiError(0);
}

let clockAhead = 0;
let csrfToken = "";
/** The share that this page shows; its cookie speaks then, not that of the reader's own session. */
let share = null;

/** Milliseconds since 1970 by the server's clock. */
export function serverNow() {
  return Date.now() + clockAhead;
}

/** Takes the server's time from an answer's `Date`, which has whole seconds: on average half of one has passed. */
function takeTime(answer) {
  const sent = Date.parse(answer.headers.get("Date") ?? "");
  const ahead = sent + 500 - Date.now();
  // A small difference is the rounding's; to follow it would make the clock tremble.
  if (Number.isFinite(ahead) && Math.abs(ahead - clockAhead) > 1_500) clockAhead = ahead;
}

/** The headers of every request. */
export function requestHeaders(more = {}) {
  return share === null ? more : { ...more, "X-Tally-Share": share };
}

/** Sends a request; the answer is one of success. */
async function send(path, options = {}) {
  let answer;
  try {
    answer = await fetch(path, { ...options, headers: requestHeaders(options.headers), cache: "no-cache" });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw unreachable();
  }
  takeTime(answer);
  if (!answer.ok) throw await failure(answer);
  return answer;
}

/** The error of an answer that is none of success. */
export async function failure(answer) {
  const problem = await answer.json().catch(() => ({}));
  return new ApiError(answer.status, problem, Number(answer.headers.get("Retry-After") ?? 0));
}

/** Asks for a document. Parameters without a value are left out. */
export async function get(path, parameters = {}, signal = undefined) {
  const answer = await send(path + query(parameters), { signal });
  return answer.json();
}

/** `?a=1&b=2`, empty without parameters. */
export function query(parameters) {
  const given = Object.entries(parameters).filter(([, value]) => value !== undefined && value !== null && value !== "");
  return given.length === 0 ? "" : `?${new URLSearchParams(given)}`;
}

/** An instant as the query has it. */
export function instant(time) {
  return new Date(time).toISOString().replace(".000Z", "Z");
}

// MARK: Sessions

/** Who is signed in; an `ApiError` of 401 where nobody is. On the page of a share, its id. */
export async function session(shareId = null) {
  share = shareId;
  return took(await get("/session"));
}

/** Signs in with a token, or with the secret of a share's link. Neither ever stands in an address. */
export async function signIn(credentials) {
  const answer = await send("/session", {
    method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(credentials),
  });
  return answer.status === 204 ? session(share) : took(await answer.json());
}

export async function signOut() {
  await send("/session", { method: "DELETE", headers: { "X-Tally-CSRF": csrfToken } });
}

/** What the page needs of a session. */
function took(answer) {
  csrfToken = answer.csrfToken ?? "";
  const time = Date.parse(answer.serverTime ?? "");
  if (Number.isFinite(time)) clockAhead = time - Date.now();
  return {
    advertiser: answer.advertiserId ?? null,
    isAdmin: (answer.scopes ?? []).includes("admin"),
    version: answer.version ?? "",
    share: answer.share ?? null,
  };
}

// MARK: Lists

/** Every ad that the reader may see, page by page: `more` is called with the ads so far after each. */
export async function allAds(parameters, signal, more) {
  const ads = [];
  let cursor;
  // The first rows are on the screen before the rest has come.
  let limit = 200;
  do {
    const page = await get("/api/v1/ads", { ...parameters, cursor, limit }, signal);
    for (const ad of page.ads) ads.push(ad);
    cursor = page.next;
    limit = 1_000;
    more(ads, cursor === null || cursor === undefined);
  } while (cursor);
  return ads;
}
