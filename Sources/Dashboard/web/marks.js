// Corrections and credits as marks in a lane of their own above the line. Those too close to be told apart are one mark, which
// says how many they are.

import { listed, many, signed } from "./fmt.js";

/** Height of the lane, in pixels. */
export const LANE = 34;
/** Least distance of two marks. */
const ROOM = 38;

/** Marks of corrections as the query gives them. Those of hours and days repeat what those of their minutes say. */
export function marksOf(corrections) {
  return corrections.filter(({ granularity }) => granularity === "minute").map((correction) => ({
    time: Date.parse(correction.minute), change: correction.change, isCredit: correction.credit, correction,
  })).sort((a, b) => a.time - b.time);
}

/** The marks between two places, with their places: `{x, label, isCredit, marks, words(zone)}`. */
export function groupMarks(marks, place, left, right) {
  const groups = [];
  for (const mark of marks) {
    const x = place(mark.time);
    if (x < left || x > right) continue;
    const last = groups.at(-1);
    if (last && x - last.first < ROOM) {
      last.marks.push(mark);
      last.isCredit &&= mark.isCredit;
    } else groups.push({ first: x, marks: [mark], isCredit: mark.isCredit });
  }
  return groups.map(({ first, marks: inside, isCredit }) => ({
    // A mark at the edge stays inside.
    x: Math.min(Math.max(first, left + 14), right - 14), isCredit, marks: inside, label: label(inside, isCredit),
    words: (zone) => spoken(inside, zone),
  }));
}

function label(marks, isCredit) {
  if (marks.length > 1) return String(marks.length);
  return isCredit ? "C" : signed(marks[0].change);
}

function spoken(marks, zone) {
  const at = listed(marks[0].time, marks[0].time, zone);
  if (marks.length > 1) return `${many(marks.length, "correction")} from ${at} on`;
  return `${marks[0].isCredit ? "Credit" : "Correction"} ${signed(marks[0].change)} at ${at}`;
}
