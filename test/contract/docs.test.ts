import { describe, expect, test } from "vitest";
import { complaintsIn } from "./docs/complaints.ts";
import { PAGES, textOf } from "./docs/tree.ts";

/** Whoever copies a command out of a page, or looks for what it names, finds it. */

describe("every command, file and name in", () => {
  test.for(PAGES)("%s is there", (page) => {
    expect(complaintsIn(page, textOf(page))).toEqual([]);
  });
});
