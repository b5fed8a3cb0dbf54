// Amounts are whole cents; a rate is hundredths of a per cent a year (600 is 6 %).

const BASIS = 10_000 * 12;

/** The equal monthly payment that settles `principal` in `months`, rounded up to the cent. */
export function payment(principal: i64, rate: i32, months: i32): i64 {
  if (principal <= 0 || months <= 0 || rate < 0) return 0;
  if (rate == 0) return (principal + months - 1) / months;
  const monthly = <f64>rate / BASIS;
  const growth = power(1 + monthly, months);
  // a payment that is whole but for the noise of doubles is not rounded up by a cent
  return <i64>Math.ceil((<f64>principal * monthly * growth) / (growth - 1) - 1e-6);
}

/** What is still owed after `paid` payments; interest is rounded to the cent each month. */
export function balance(principal: i64, rate: i32, months: i32, paid: i32): i64 {
  const due = payment(principal, rate, months);
  let left = principal;
  for (let month = 0; month < paid && left > 0; month++) {
    left += (left * rate + BASIS / 2) / BASIS;
    left = max<i64>(left - due, 0);
  }
  return left;
}

/** What the loan costs on top of the principal. */
export function interest(principal: i64, rate: i32, months: i32): i64 {
  const due = payment(principal, rate, months);
  let total: i64 = 0;
  let left = principal;
  while (left > 0 && due > 0) {
    const charge = (left * rate + BASIS / 2) / BASIS;
    total += charge;
    left = max<i64>(left + charge - due, 0);
  }
  return total;
}

function power(base: f64, exponent: i32): f64 {
  let result: f64 = 1;
  for (; exponent > 0; exponent >>= 1) {
    if (exponent & 1) result *= base;
    base *= base;
  }
  return result;
}
