// Time zones. Every time in the program is an instant, in milliseconds since 1970 in UTC; a *wall time* is what a clock in
// the zone shows, kept as the instant at which a clock in UTC would show the same.
//
//     wall time = instant + offset(instant)
//
// The offsets of a stretch of time come from Intl, asked every seven days, with each change found to the second by halving.
// Between two changes everything is an addition, so that a chart does not ask Intl for each point.

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

/** Intl's answer for one instant: the offset in milliseconds. Slow, so asked seldom. */
function askOffset(format, instant) {
  const part = {};
  for (const { type, value } of format.formatToParts(instant)) part[type] = Number(value);
  const wall = Date.UTC(part.year, part.month - 1, part.day, part.hour, part.minute, part.second);
  return wall - Math.floor(instant / 1_000) * 1_000;
}

/** A zone of the IANA data base. */
class Zone {
  constructor(id) {
    this.id = id;
    // Throws where the browser does not know the zone.
    this.format = new Intl.DateTimeFormat("en-US", {
      timeZone: id, hourCycle: "h23", year: "numeric", month: "numeric", day: "numeric",
      hour: "numeric", minute: "numeric", second: "numeric",
    });
    /** `[instant, offset]` in rising order: from the instant on, the offset holds. Known from `from` to `to`. */
    this.changes = [];
    this.from = this.to = 0;
    this.names = new Map();
  }

  /** Learns the offsets of a stretch of time. */
  learn(from, to) {
    if (this.changes.length > 0 && from >= this.from && to <= this.to) return;
    this.from = Math.min(from, this.changes.length > 0 ? this.from : from) - 8 * DAY;
    this.to = Math.max(to, this.changes.length > 0 ? this.to : to) + 8 * DAY;
    let offset = askOffset(this.format, this.from);
    this.changes = [[this.from, offset]];
    for (let at = this.from; at < this.to; at += 7 * DAY) {
      const next = at + 7 * DAY;
      const later = askOffset(this.format, next);
      if (later !== offset) this.changes.push([this.changeBetween(at, next, offset), later]);
      offset = later;
    }
  }

  /** The second at which the offset stops to be `before`. */
  changeBetween(low, high, before) {
    while (high - low > 1_000) {
      const middle = Math.floor((low + high) / 2_000) * 1_000;
      if (askOffset(this.format, middle) === before) low = middle;
      else high = middle;
    }
    return high;
  }

  offset(instant) {
    if (!(instant >= this.from && instant < this.to)) this.learn(instant, instant);
    let last = this.changes.length - 1;
    while (last > 0 && this.changes[last][0] > instant) last -= 1;
    return this.changes[last][1];
  }

  /** What a clock shows at an instant. */
  wall(instant) {
    return instant + this.offset(instant);
  }

  /** The instants at which a clock shows a wall time: none in the gap of spring, two in the fold of autumn. */
  instants(wall) {
    const offsets = new Set([this.offset(wall - DAY), this.offset(wall), this.offset(wall + DAY)]);
    return [...offsets].map((offset) => wall - offset)
      .filter((instant) => this.wall(instant) === wall)
      .sort((a, b) => a - b);
  }

  /** The first instant at which a clock shows a wall time, or a later one where it shows it never. */
  instant(wall) {
    return this.instants(wall)[0] ?? this.changeNear(wall);
  }

  changeNear(wall) {
    const found = this.changesIn(wall - 2 * DAY, wall + 2 * DAY)[0];
    return found ? found.at : wall - this.offset(wall);
  }

  /** The changes of the offset inside a stretch: `{at, minutes}`, minutes below zero where clocks go back. */
  changesIn(from, to) {
    this.learn(from, to);
    const found = [];
    for (let i = 1; i < this.changes.length; i += 1) {
      const [at, offset] = this.changes[i];
      if (at >= from && at < to) found.push({ at, minutes: (offset - this.changes[i - 1][1]) / 60_000 });
    }
    return found;
  }

  /** The zone's abbreviation at an instant: `CET`, `EST`, else `UTC+5:30`. */
  name(instant) {
    const offset = this.offset(instant);
    if (!this.names.has(offset)) this.names.set(offset, this.abbreviation(instant) ?? utcText(offset));
    return this.names.get(offset);
  }

  /** British English knows the names of Europe, American English those of America. */
  abbreviation(instant) {
    for (const language of ["en-GB", "en-US"]) {
      const parts = new Intl.DateTimeFormat(language, { timeZone: this.id, timeZoneName: "short" }).formatToParts(instant);
      const text = parts.find(({ type }) => type === "timeZoneName").value;
      if (!/^(GMT|UTC)[+\-−]/.test(text)) return text;
    }
    return null;
  }

  /** What the menu shows: `Berlin · UTC+1`. */
  label(now) {
    return this.id === "UTC" ? "UTC" : `${this.city} · ${utcText(this.offset(now))}`;
  }

  /** The last part of the zone's id, as people say it. */
  get city() {
    return this.id.split("/").at(-1).replaceAll("_", " ");
  }

  /** The start of the hour, day, week (Monday) or month of the clock in which an instant lies. Hours are those of UTC, as the
   *  server cuts them. */
  floor(instant, granularity) {
    if (granularity === "minute") return Math.floor(instant / 60_000) * 60_000;
    if (granularity === "hour") return Math.floor(instant / HOUR) * HOUR;
    let wall = Math.floor(this.wall(instant) / DAY) * DAY;
    const date = new Date(wall);
    if (granularity === "week") wall -= ((date.getUTCDay() + 6) % 7) * DAY;
    if (granularity === "month") wall = Date.UTC(date.getUTCFullYear(), date.getUTCMonth(), 1);
    return this.instant(wall);
  }

  /** The start of the bucket behind that in which an instant lies. */
  next(instant, granularity) {
    if (granularity === "minute") return this.floor(instant, granularity) + 60_000;
    if (granularity === "hour") return this.floor(instant, granularity) + HOUR;
    const wall = Math.floor(this.wall(this.floor(instant, granularity)) / DAY) * DAY;
    if (granularity === "day") return this.instant(wall + DAY);
    if (granularity === "week") return this.instant(wall + 7 * DAY);
    const date = new Date(wall);
    return this.instant(Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 1));
  }
}

/** An offset as text: `UTC+5:30`. */
export function utcText(offset) {
  if (offset === 0) return "UTC";
  const minutes = Math.abs(offset) / 60_000;
  const rest = minutes % 60;
  return `UTC${offset < 0 ? "−" : "+"}${Math.floor(minutes / 60)}${rest ? `:${String(rest).padStart(2, "0")}` : ""}`;
}

const known = new Map();

/** The zone of an id; null where there is none such. */
export function zone(id) {
  if (!known.has(id)) {
    try {
      known.set(id, new Zone(id));
    } catch {
      known.set(id, null);
    }
  }
  return known.get(id);
}

/** The browser's own zone. */
export function ownZone() {
  return new Intl.DateTimeFormat().resolvedOptions().timeZone ?? "UTC";
}

/** Every id that the browser knows, UTC first. */
export function allZones() {
  return ["UTC", ...(Intl.supportedValuesOf?.("timeZone") ?? [ownZone()]).filter((id) => id !== "UTC")];
}
