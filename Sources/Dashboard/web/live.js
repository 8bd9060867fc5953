// A stream of server-sent events, kept open while somebody looks. It is read by `fetch` and not by `EventSource`: that one
// hides the status of a refusal and the comments that tell a quiet stream from a dead one.
//
//     connecting ─▶ open ─▶ (error, 40 s of silence) ─▶ waiting 2, 4, 8 … 60 s ± 30 % ─▶ connecting
//          │         └──▶ `end` ─▶ connecting at once: the answer tells a session that is over from a stream that is
//          └── 401: over, 404: refused       hidden for 30 s ─▶ closed ─▶ seen again ─▶ connecting
//
// Each connection after the first is announced with `reopened`: what was missed meanwhile is the caller's to fetch.

import { failure, requestHeaders } from "./api.js";

const SILENCE = 40_000;
const HIDDEN = 30_000;
/** Shorter interruptions are not worth a word. */
const PATIENCE = 3_000;
const SHORT_LIFE = 2_000;
const REFUSALS = new Set([400, 403, 404, 405]);

export class Live {
  /** `address()` gives path and query of the next connection, `event(name, data, id)` takes an event, `reopened()` follows
   *  each connection but the first, `state("live" | "lost", since)` tells what to show, `refused()` that there is no such stream
   *  and none will be asked for again, `over()` the session's end. */
  constructor(handlers) {
    this.handlers = handlers;
    this.connection = null;
    this.failures = 0;
    this.hasBeenOpen = false;
    this.lostSince = null;
    this.isClosed = false;
    this.onVisibility = () => this.visibilityChanged();
    document.addEventListener("visibilitychange", this.onVisibility);
    if (!document.hidden) this.connect();
  }

  close() {
    this.isClosed = true;
    document.removeEventListener("visibilitychange", this.onVisibility);
    clearTimeout(this.hideTimer);
    this.disconnect();
    clearTimeout(this.patience);
  }

  disconnect() {
    clearTimeout(this.retryTimer);
    clearTimeout(this.silence);
    this.connection?.abort();
    this.connection = null;
  }

  /** Six streams fill a browser's connections to one host, so a page that nobody sees gives its own back. */
  visibilityChanged() {
    clearTimeout(this.hideTimer);
    if (document.hidden) this.hideTimer = setTimeout(() => this.disconnect(), HIDDEN);
    else if (this.connection === null) this.connect();
  }

  async connect() {
    this.disconnect();
    const connection = new AbortController();
    this.connection = connection;
    try {
      this.listen();
      const headers = requestHeaders({ Accept: "text/event-stream" });
      const answer = await fetch(this.handlers.address(), { headers, cache: "no-store", signal: connection.signal });
      if (!answer.ok) throw await failure(answer);
      this.opened();
      await this.read(answer.body.getReader());
    } catch (error) {
      if (this.connection !== connection || this.isClosed) return;
      if (error.status === 401) return this.ended();
      if (REFUSALS.has(error.status)) return this.refused();
      this.retryAfter = error.retryAfter ?? 0;
    }
    if (this.connection === connection && !this.isClosed) this.lost();
  }

  opened() {
    this.openedAt = Date.now();
    this.failures = 0;
    this.retryAfter = 0;
    this.lostSince = null;
    clearTimeout(this.patience);
    this.patience = null;
    this.handlers.state("live");
    if (this.hasBeenOpen) this.handlers.reopened();
    this.hasBeenOpen = true;
  }

  lost() {
    this.disconnect();
    this.lostSince ??= Date.now();
    this.patience ??= setTimeout(() => this.handlers.state("lost", this.lostSince), PATIENCE);
    if (document.hidden) return;
    this.failures += 1;
    // One that ends as soon as it is open is not asked for without a rest.
    const isAtOnce = this.hasEnded && Date.now() - this.openedAt > SHORT_LIFE;
    const wait = isAtOnce ? 0 : Math.max(Math.min(2 ** this.failures, 60), this.retryAfter ?? 0) * (0.7 + 0.6 * Math.random());
    this.hasEnded = false;
    this.retryTimer = setTimeout(() => this.connect(), wait * 1_000);
  }

  ended() {
    this.close();
    this.handlers.over();
  }

  /** There is no such stream: to ask again is no use, and nothing is lost. */
  refused() {
    this.close();
    this.handlers.refused();
  }

  /** Starts to wait for the next sign of life. */
  listen() {
    clearTimeout(this.silence);
    this.silence = setTimeout(() => this.lost(), SILENCE);
  }

  async read(reader) {
    const decoder = new TextDecoder();
    let rest = "";
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      this.listen();
      const blocks = (rest + decoder.decode(value, { stream: true })).replaceAll("\r\n", "\n").split("\n\n");
      rest = blocks.pop();
      for (const block of blocks) this.take(block);
    }
  }

  /** One event: lines `event:`, `id:`, `data:`; lines that begin with a colon are comments. */
  take(block) {
    let name = "message";
    let id = "";
    const data = [];
    for (const line of block.split("\n")) {
      const colon = line.indexOf(":");
      const field = line.slice(0, colon);
      const value = line.slice(colon + 1).replace(/^ /, "");
      if (field === "event") name = value;
      else if (field === "id") id = value;
      else if (field === "data") data.push(value);
    }
    if (name === "end") this.hasEnded = true;
    else if (data.length > 0) this.handlers.event(name, JSON.parse(data.join("\n")), id);
  }
}
