import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { child } from "../../support/child.ts";
import { HEAVY } from "../../support/heavy-json.ts";

interface Line {
  readonly name: string;
  readonly taken: number;
  readonly weight: number;
}

test("no kind of JSON takes more of the heap than its weight", async () => {
  const program = fileURLToPath(new URL("parsed-size.ts", import.meta.url));
  const { exited, output } = child(["--expose-gc", "--max-semi-space-size=4", program], {});
  expect(await exited).toBe(0);
  const lines = output()
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Line);
  expect(lines.map(({ name }) => name)).toEqual(Object.keys(HEAVY));
  expect(lines.filter(({ taken, weight }) => taken > weight)).toEqual([]);
});
