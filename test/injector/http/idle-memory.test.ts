import { describe, expect, test } from "vitest";
import { processMemory, returnIdleMemory } from "../../../injector/http/idle-memory.ts";

const MIB = 1024 * 1024;

/** Runs the looks one after another. A look is the heap's size, and how busy the event loop was before. */
async function looks(...all: readonly { readonly mib: number; readonly busy?: number }[]): Promise<string[]> {
  const stopping = new AbortController();
  const seen: string[] = [];
  let at = -1;
  let mib = 0;
  await returnIdleMemory(
    {
      clock: {
        now: () => 0,
        elapsed: () => 0,
        sleep: async () => {
          at += 1;
          if (at === all.length) stopping.abort();
          mib = all[at]?.mib ?? 0;
        },
      },
      heapTotal: () => mib * MIB,
      busy: () => all[at]?.busy ?? 0,
      collect: () => {
        seen.push(`at ${mib}`);
        mib = 20;
      },
    },
    stopping.signal,
  );
  return seen;
}

describe("memory of an idle injector", () => {
  test("is given back after the start", async () => {
    expect(await looks({ mib: 60, busy: 0.5 }, { mib: 60 }, { mib: 22 })).toEqual(["at 60"]);
  });

  test("is given back after the end of each burst of reviews", async () => {
    const burst = [{ mib: 90, busy: 0.8 }, { mib: 90 }, { mib: 20 }];
    expect(await looks({ mib: 30 }, ...burst, { mib: 25 }, ...burst)).toEqual(["at 30", "at 90", "at 90"]);
  });

  test("is not given back while reviews keep coming", async () => {
    expect(await looks(...Array.from({ length: 9 }, () => ({ mib: 90, busy: 0.3 })))).toEqual([]);
  });

  test("is not given back when there is little of it", async () => {
    expect(await looks({ mib: 40 }, { mib: 30 }, { mib: 35 })).toEqual(["at 40"]);
  });

  test("is measured together with the share of time that the event loop was busy", () => {
    const { busy, heapTotal } = processMemory();
    busy();
    expect(busy()).toBeGreaterThanOrEqual(0);
    expect(heapTotal()).toBeGreaterThan(MIB);
  });
});
