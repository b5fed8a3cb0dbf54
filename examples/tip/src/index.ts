// Amounts are whole cents, percentages whole numbers.

import { divideUp, percentOf } from "./money";

/** The tip on a bill, rounded to the nearest cent, half a cent up. */
export function tip(amount: i32, percent: i32): i32 {
  return percentOf(amount, percent);
}

/** What each of `people` pays, tip included, so that nobody's cent is missing. */
export function share(amount: i32, percent: i32, people: i32): i32 {
  if (people <= 0) return 0;
  return divideUp(amount + percentOf(amount, percent), people);
}
