import type { Scalar } from "./yaml-scalar.ts";

/**
 * A key of a map as sigs.k8s.io/yaml makes a string of it.
 * @throws Error with a message that says what is wrong
 */
export function keyText({ type, value }: Scalar): string {
  if (type === "float") return floatText(value);
  if (value === null || (typeof value === "bigint" && value >= 2n ** 63n))
    throw new Error(
      `a key is ${value === null ? "null" : "an integer above 2^63"}; in quotes it is a string`,
    );
  return String(value);
}

/** Go's `strconv.FormatFloat(value, 'g', -1, 32)`, with YAML's words for what is not a number. */
function floatText(value: number): string {
  const single = Math.fround(value);
  if (Number.isNaN(single)) return ".nan";
  if (!Number.isFinite(single)) return single < 0 ? "-.inf" : ".inf";
  let digits = 1;
  while (Math.fround(Number(single.toExponential(digits - 1))) !== single) digits++;
  const [mantissa = "", power = ""] = single.toExponential(digits - 1).split("e");
  const exponent = Number(power);
  const sign = Object.is(single, -0) ? "-" : "";
  if (exponent >= -4 && exponent < 6)
    return sign + Number(`${mantissa}e${power}`).toFixed(Math.max(0, digits - 1 - exponent));
  return `${sign}${mantissa}e${exponent < 0 ? "-" : "+"}${String(Math.abs(exponent)).padStart(2, "0")}`;
}
