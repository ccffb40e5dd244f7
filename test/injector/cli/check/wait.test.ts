import { describe, expect, test } from "vitest";
import type { CheckFacts } from "../../../../injector/cli/check/facts.ts";
import { CodedError } from "../../../../sidecar/kit/errors.ts";
import { checkUntil } from "../../../../injector/cli/check/wait.ts";
import { healthy } from "./healthy.ts";

const broken = healthy({ service: { kind: "absent" } });
const worse = healthy({ crd: { kind: "absent" }, service: { kind: "absent" } });

/** Looks at these, one after the other and then at the last again, in a time that only sleeping spends. */
async function waited(timeoutMs: number, ...looks: readonly (CheckFacts | CodedError)[]) {
  let now = 0;
  let taken = 0;
  const lines: string[] = [];
  const { results } = await checkUntil(timeoutMs, {
    gather: () => {
      const look = looks[Math.min(taken++, looks.length - 1)] ?? broken;
      return look instanceof CodedError ? Promise.reject(look) : Promise.resolve(look);
    },
    now: () => now,
    sleep: (ms) => Promise.resolve((now += ms)),
    say: (line) => lines.push(line),
  });
  return {
    taken,
    now,
    lines,
    failed: results.filter(({ status }) => status === "fail").map(({ code }) => code),
  };
}

describe("podrole check --wait", () => {
  test("checks once when all is well", async () => {
    expect(await waited(120_000, healthy())).toEqual({ taken: 1, now: 0, lines: [], failed: [] });
  });

  test("checks again until nothing is broken, and reports each thing that it waits for once", async () => {
    const { taken, lines, failed } = await waited(120_000, worse, worse, broken, broken, broken, healthy());
    expect([taken, failed]).toEqual([6, []]);
    expect(lines).toEqual([
      expect.stringMatching(/^waiting: CRD: .+ \(and 1 more\)$/),
      expect.stringMatching(/^waiting: INJECTOR_SERVICE: .+, by which the API server calls the injector\.$/),
    ]);
  });

  test("ends with what is broken when the time is over, and never later", async () => {
    const { now, failed } = await waited(120_000, broken);
    expect(failed).toEqual(["INJECTOR_SERVICE"]);
    expect(now).toBe(120_000);
  });

  test.for(["API_UNREACHABLE", "API_UNAUTHENTICATED"])(
    "waits for an API server that answers with %s",
    async (code) => {
      const away = new CodedError(code, "It is not there.", { remedy: "Wait." });
      expect(await waited(120_000, away, away, healthy())).toEqual({
        taken: 3,
        now: 4000,
        lines: ["waiting: API_SERVER: It is not there."],
        failed: [],
      });
      expect(await waited(3000, away)).toMatchObject({ failed: ["API_SERVER"] });
    },
  );

  test("does not wait for a kubeconfig that nobody corrects", async () => {
    const unusable = new CodedError("KUBECONFIG_UNUSABLE", "No.");
    await expect(waited(120_000, unusable)).rejects.toBe(unusable);
  });

  test("checks once when there is no time to wait", async () => {
    expect(await waited(0, broken)).toMatchObject({ taken: 1, lines: [] });
  });
});
