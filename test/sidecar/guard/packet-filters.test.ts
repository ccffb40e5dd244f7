import { expect, test } from "vitest";
import { ENV } from "../../../sidecar/contract/env.ts";
import { guardMain } from "../../../sidecar/guard/main.ts";
import type { Nft } from "../../../sidecar/guard/nft/nft.ts";
import { CodedError } from "../../../sidecar/kit/errors.ts";
import { guardEnv, pod } from "./guard-rig.ts";

const NO_HOOK = new CodedError("GUARD_NO_EGRESS_HOOK", "Not this kernel.", { remedy: "Another." });
const NO_FILTER = new CodedError("GUARD_NO_PACKET_FILTER", "Nothing there.", { remedy: "Something." });

/** A kernel that refuses each script that a test wants refused. */
const kernel = (refusal: (script: string) => CodedError | undefined): Partial<Nft> => ({
  apply: async (script) => {
    const error = refusal(script);
    if (error !== undefined) throw error;
  },
});

test("the guard does without the egress hook when it may, and says what protection then depends on", async () => {
  const { around, steps, lines } = pod(
    {},
    kernel((script) => (script.includes("netdev") ? NO_HOOK : undefined)),
  );
  expect(await guardMain({ ...guardEnv().env, [ENV.egressHook]: "prefer" }, around)).toBe(0);
  expect(steps.filter((step) => step.startsWith("list"))).toEqual(["list inet", "list inet"]);
  expect(lines.stdout).toEqual([
    "podrole guard: 169.254.169.254 and fd00:ec2::254 are out of reach by nft without the kernel's egress hook, so only as long as no container has NET_RAW (3 chains, 20 ms)",
  ]);
});

test("the guard fails without the egress hook unless it may do without", async () => {
  const { env } = guardEnv();
  const { around, lines } = pod(
    {},
    kernel((script) => (script.includes("netdev") ? NO_HOOK : undefined)),
  );
  expect(await guardMain(env, around)).toBe(13);
  expect(lines.stderr).toEqual(["GUARD_NO_EGRESS_HOOK: Not this kernel. Another."]);
});

test("the guard names everything it tried when no packet filter works", async () => {
  const { around, lines } = pod(
    {},
    kernel((script) => (script.includes("netdev") ? NO_HOOK : NO_FILTER)),
  );
  expect(await guardMain({ ...guardEnv().env, [ENV.egressHook]: "prefer" }, around)).toBe(12);
  expect(lines.stderr).toEqual([
    "GUARD_NO_PACKET_FILTER: No packet filter in this pod can block the addresses: Not this kernel; Nothing there. Another. Something.",
  ]);
});

test("the guard tries no other packet filter when it lacks the capability", async () => {
  let applied = 0;
  const refuse = new CodedError("GUARD_NO_CAPABILITY", "No.");
  const { around } = pod(
    {},
    kernel(() => ((applied += 1), refuse)),
  );
  expect(await guardMain({ ...guardEnv().env, [ENV.egressHook]: "prefer" }, around)).toBe(11);
  expect(applied).toBe(1);
});
