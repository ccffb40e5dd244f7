import { describe, expect, test } from "vitest";
import { attempts, leaks, type Attempt } from "../../../sidecar/guard/attempts.ts";
import type { ResetCounts } from "../../../sidecar/guard/packet-filter.ts";

describe("the guard's attempts to connect", () => {
  const address = "169.254.169.254";
  const refused = (code: string): Attempt => ({ address, port: 80, outcome: { kind: "refused", code } });

  test("go to every address, on the port of the service and on another", async () => {
    const asked: string[] = [];
    await attempts(["169.254.169.254", "fd00:ec2::254"], async (to, port) => {
      asked.push(`${to} ${port}`);
      return { kind: "timeout" };
    });
    expect(asked.toSorted()).toEqual([
      "169.254.169.254 443",
      "169.254.169.254 80",
      "fd00:ec2::254 443",
      "fd00:ec2::254 80",
    ]);
  });

  test("are refused when the guard's own rule has counted the reset", () => {
    expect(leaks([refused("ECONNREFUSED")], resets(3), resets(4))).toEqual([]);
  });

  test("are not refused when something else has sent the reset", () => {
    expect(leaks([refused("ECONNREFUSED")], resets(3), resets(3))).toEqual([
      "169.254.169.254 was refused by something other than the guard",
    ]);
    expect(leaks([refused("ECONNREFUSED"), refused("ECONNREFUSED")], resets(3), resets(4))).not.toEqual([]);
  });

  test.each(["EACCES", "EPERM", "EINVAL", "EHOSTUNREACH", "ENETUNREACH", "EADDRNOTAVAIL", "EAFNOSUPPORT"])(
    "are refused when the pod has no way there: %s",
    (code) => {
      expect(leaks([refused(code)], resets(0), resets(0))).toEqual([]);
    },
  );

  test.each([
    ["an answer", { kind: "connected" }, "169.254.169.254 port 80 answered"],
    ["silence", { kind: "timeout" }, "169.254.169.254 port 80 was not refused within 1000 ms"],
    [
      "an error that is no refusal",
      { kind: "refused", code: "EMFILE" },
      "169.254.169.254 port 80 ended with EMFILE",
    ],
  ] as const)("are not refused when they end with %s", (_, outcome, leak) => {
    expect(leaks([{ address, port: 80, outcome }], resets(0), resets(9))).toEqual([leak]);
  });

  const resets = (packets: number): ResetCounts => new Map([[address, packets]]);
});
