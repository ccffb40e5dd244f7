import { describe, expect, test } from "vitest";
import { ENV } from "../../../sidecar/contract/env.ts";
import { guardMain } from "../../../sidecar/guard/main.ts";
import type { Listing } from "../../../sidecar/guard/nft/listing.ts";
import type { Nft } from "../../../sidecar/guard/nft/nft.ts";
import { tablesFor } from "../../../sidecar/guard/nft/tables.ts";
import { CodedError } from "../../../sidecar/kit/errors.ts";
import type { Greeting } from "../../../sidecar/guard/stand-in.ts";
import { guardEnv, listingFrom, pod } from "./guard-rig.ts";
import { PODS } from "./nft/listings.ts";

describe("the guard, when the metadata service is emulated,", () => {
  const PAIR = ["169.254.169.254", "fd00:ec2::254"];
  const emulated = (): Record<string, string> => ({
    ...guardEnv().env,
    [ENV.imds]: "emulate",
    [ENV.sidecarUid]: "51234",
    [ENV.sidecarPorts]: "16925,16926,16927",
  });
  /** A kernel that holds the rules of this mode. */
  const taken = (): Partial<Nft> => {
    const tables = tablesFor(PODS.emulate);
    let calls = 0;
    const list = async (): Promise<Listing> => {
      calls += 1;
      return listingFrom(tables, calls);
    };
    return { list };
  };

  test("listens at the sidecar's port and is answered from there at the metadata addresses", async () => {
    const { around, steps, lines } = pod({}, taken());
    expect({ code: await guardMain(emulated(), around), ...lines }).toMatchObject({ code: 0, stderr: [] });
    expect(steps.slice(2, 6)).toEqual([
      "listen 16927",
      ...PAIR.map((address) => `greeting ${address}`),
      "close",
    ]);
    expect(lines.stdout[0]).toContain("answers at port 80 in place of the metadata service, from port 16927");
  });

  test.each<[string, Greeting, string]>([
    ["a word that is not its own", { kind: "connected", said: "HTTP" }, "and it was not the sidecar's port"],
    [
      "a service that says nothing by itself",
      { kind: "connected", said: "" },
      "and it was not the sidecar's port",
    ],
    ["silence", { kind: "timeout" }, "was silent"],
    ["a refusal", { kind: "refused", code: "ECONNREFUSED" }, "not led to the sidecar's port"],
    ["an error of its own", { kind: "refused", code: "EMFILE" }, "ended with EMFILE"],
  ])("fails closed on %s, and closes its port", async (_, outcome, says) => {
    const { around, steps, lines } = pod({ readGreeting: async () => outcome }, taken());
    expect(await guardMain(emulated(), around)).toBe(14);
    expect(lines.stderr[0]).toMatch(/^GUARD_NOT_HOLDING: /);
    for (const address of PAIR) expect(lines.stderr[0]).toContain(`${address} port 80`);
    expect(lines.stderr[0]).toContain(says);
    expect(steps).toContain("close");
  });

  test("lets only the sidecar answer at its ports, from when it has tried the redirect itself", async () => {
    const scripts: string[] = [];
    const { around } = pod(
      { standIn: async () => ({ close: async () => void scripts.push("close") }) },
      { ...taken(), apply: async (script) => void scripts.push(applied(script)) },
    );
    expect(await guardMain(emulated(), around)).toBe(0);
    expect(scripts).toEqual(["apply without the sidecar's ports", "close", "apply all"]);
  });

  test("leaves every rule in place when the sidecar's port is taken", async () => {
    const scripts: string[] = [];
    const { around } = pod(
      { standIn: () => Promise.reject(new CodedError("GUARD_NOT_APPLIED", "Taken.")) },
      { apply: async (script) => void scripts.push(applied(script)) },
    );
    expect(await guardMain(emulated(), around)).toBe(1);
    expect(scripts.at(-1)).toBe("apply all");
  });

  test("succeeds when the pod has no way there", async () => {
    const { around } = pod({ readGreeting: async () => ({ kind: "refused", code: "ENETUNREACH" }) }, taken());
    expect(await guardMain(emulated(), around)).toBe(0);
  });
});

/** What nft would list of these tables. With every call, two more connections have been reset. */
const applied = (script: string): string =>
  script.includes("chain answering") ? "apply all" : "apply without the sidecar's ports";
