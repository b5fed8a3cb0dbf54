/** `percent` per cent of `amount`, rounded half up; wide enough for every 32-bit amount. */
export function percentOf(amount: i32, percent: i32): i32 {
  return <i32>((<i64>amount * percent + 50) / 100);
}

/** `amount / parts`, rounded up. */
export function divideUp(amount: i32, parts: i32): i32 {
  return <i32>((<i64>amount + parts - 1) / parts);
}
