// Numbers and times as people read them. What is billed has all its digits; a real minus; a dash where a share has no ground.

const whole = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });

/** A count with all its digits: `11,548,138`, `−7`. */
export function count(value) {
  // Without `|| 0` a difference of nothing would be −0.
  return whole.format(value || 0).replace("-", "−");
}

/** A change with its sign: `+5`, `−7`, `0`. */
export function signed(value) {
  return value > 0 ? `+${count(value)}` : count(value);
}

/** A figure that nobody pays by, short: `12.4k`. */
export function short(value) {
  for (const [size, unit] of [[1e9, "G"], [1e6, "M"], [1e4, "k"]]) {
    if (Math.abs(value) >= size) {
      const scaled = value / (unit === "k" ? 1e3 : size);
      return `${Number(scaled.toFixed(scaled < 100 ? 1 : 0))}${unit}`;
    }
  }
  return Number.isInteger(value) ? count(value) : String(Number(value.toFixed(2)));
}

/** A part of a whole: `5.5 %`, under one percent with two decimals, a dash of nothing. */
export function share(part, all) {
  if (!(all > 0)) return "–";
  const percent = (100 * part) / all;
  return `${decimal(percent, Math.abs(percent) < 1 && percent !== 0 ? 2 : 1)} %`;
}

/** How much more there is than before: `+6.1 %`; a dash where there was nothing. */
export function change(now, before) {
  if (!(before > 0)) return "–";
  const percent = (100 * (now - before)) / before;
  return `${percent > 0 ? "+" : ""}${decimal(percent, 1)} %`;
}

function decimal(value, digits) {
  return value.toFixed(digits).replace("-", "−");
}

/** `1 click`, `2 clicks`. */
export function many(value, one, more = `${one}s`) {
  return `${count(value)} ${value === 1 ? one : more}`;
}

/** Bytes in binary units: `18.4 GiB`. */
export function bytes(value) {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let step = 0;
  while (value >= 1024 && step < units.length - 1) {
    value /= 1024;
    step += 1;
  }
  return `${value < 10 && step > 0 ? value.toFixed(1) : Number(value.toFixed(value < 100 ? 1 : 0))} ${units[step]}`;
}

/** A duration of seconds in its two largest units: `2 min 10 s`. */
export function duration(seconds) {
  if (seconds < 10) return `${Number(seconds.toFixed(1))} s`;
  const parts = [];
  let rest = Math.round(seconds);
  for (const [size, unit] of [[86_400, "d"], [3_600, "h"], [60, "min"], [1, "s"]]) {
    const units = Math.floor(rest / size);
    if (units > 0 && parts.length < 2) parts.push(`${units} ${unit}`);
    else if (parts.length > 0) break;
    rest -= units * size;
  }
  return parts.join(" ");
}

// MARK: Times, in a zone (zone.js)

const DAYS = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
export const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

function two(value) {
  return String(value).padStart(2, "0");
}

/** Hour and minute of a wall time: `17:41`. */
export function clock(wall) {
  const date = new Date(wall);
  return `${two(date.getUTCHours())}:${two(date.getUTCMinutes())}`;
}

/** Day and month of a wall time: `30 Nov`. */
export function day(wall) {
  const date = new Date(wall);
  return `${date.getUTCDate()} ${MONTHS[date.getUTCMonth()]}`;
}

/** `Mon 30 Nov 2026` of a wall time. */
function longDay(wall) {
  const date = new Date(wall);
  return `${DAYS[date.getUTCDay()]} ${day(wall)} ${date.getUTCFullYear()}`;
}

/** The name of a bucket by its start: the minute and the hour with the zone's abbreviation, the day, the week, the month. */
export function bucket(time, granularity, zone) {
  const wall = zone.wall(time);
  const date = new Date(wall);
  switch (granularity) {
    case "minute":
    case "hour": return `${longDay(wall)}, ${clock(wall)} ${zone.name(time)}`;
    case "day": return longDay(wall);
    case "week": return `Week from ${longDay(wall)}`;
    default: return `${MONTHS[date.getUTCMonth()]} ${date.getUTCFullYear()}`;
  }
}

/** A moment in a sentence, as short as today allows: `17:41 CET`, `30 Nov, 17:41 CET`. */
export function moment(time, now, zone) {
  const wall = zone.wall(time);
  const today = zone.wall(now);
  const at = `${clock(wall)} ${zone.name(time)}`;
  if (Math.floor(wall / 86_400_000) === Math.floor(today / 86_400_000)) return at;
  const year = new Date(wall).getUTCFullYear();
  return `${day(wall)}${year === new Date(today).getUTCFullYear() ? "" : ` ${year}`}, ${at}`;
}

/** A moment in a list: `30 Nov 10:12`, with the year where it is another one. */
export function listed(time, now, zone) {
  const wall = zone.wall(time);
  const year = new Date(wall).getUTCFullYear();
  return `${day(wall)}${year === new Date(zone.wall(now)).getUTCFullYear() ? "" : ` ${year}`} ${clock(wall)}`;
}
