import { weigh } from "../../../injector/serve/weight.ts";
import { HEAVY } from "../../support/heavy-json.ts";

/** Prints a line for each kind of heavy JSON: its bytes, what it takes in the heap, and its weight. Needs `--expose-gc`. */

const BYTES = 1_000_000;
const collect = (globalThis as { readonly gc?: () => void }).gc ?? (() => {});
const heapUsed = (): number => {
  collect();
  collect();
  return process.memoryUsage().heapUsed;
};

function measure(make: (bytes: number) => string): object {
  const body = Buffer.from(make(BYTES));
  const before = heapUsed();
  const parsed: unknown = JSON.parse(body.toString("utf8"));
  const taken = heapUsed() - before;
  return { bytes: body.length, taken, weight: weigh(body), parsed: typeof parsed };
}

for (const [name, make] of Object.entries(HEAVY)) console.log(JSON.stringify({ name, ...measure(make) }));
