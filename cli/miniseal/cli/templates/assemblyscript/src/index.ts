// What a host can call is exported; what the program needs from a host is imported.
export function double(value: i32): i32 {
  return value * 2;
}
