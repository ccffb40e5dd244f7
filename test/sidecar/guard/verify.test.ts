import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { ENV } from "../../../sidecar/contract/env.ts";
import { METADATA_ADDRESSES } from "../../../sidecar/contract/metadata.ts";
import { metadataPolicy } from "../../../sidecar/contract/metadata-policy.ts";
import { verifyMain, type VerifySurroundings } from "../../../sidecar/guard/verify.ts";
import { waysToClose } from "../../../sidecar/guard/ways-to-close.ts";
import { loopbackPackets } from "../../../sidecar/proof/loopback.ts";
import { CREDENTIALS } from "../../../sidecar/proof/questions.ts";
import type { Verdict } from "../../../sidecar/proof/verdict.ts";
import { tempFolder } from "../../support/temp-files.ts";
import { thrown } from "../../support/thrown.ts";

const [IPV4, IPV6] = METADATA_ADDRESSES;
const held = (address: string): Verdict => ({ address, kind: "held", said: `${address} port 80 was silent` });
const REACHABLE: Verdict = {
  address: IPV4,
  kind: "reachable",
  said: `${IPV4} port 80 answered PUT /x with 200`,
};
const UNPROVEN: Verdict = {
  address: IPV4,
  kind: "unproven",
  said: `${IPV4} port 80 could not be tried (EMFILE)`,
};

/** Runs the command with a proof that ends like this. */
async function verify(verdicts: readonly Verdict[], variables: Readonly<Record<string, string>> = {}) {
  const terminationLog = join(tempFolder(), "termination-log");
  writeFileSync(terminationLog, "what an earlier attempt left");
  const proofs: unknown[] = [];
  const counters: unknown[] = [];
  const said = { stdout: "", stderr: "" };
  let time = 0;
  const around: VerifySurroundings = {
    prove: async (addresses, { waitMs, loopback, onTry }) => {
      proofs.push([addresses, waitMs]);
      counters.push(loopback);
      onTry?.(IPV4, { question: CREDENTIALS, outcome: { kind: "silent" } });
      return verdicts;
    },
    stdout: (lines) => void (said.stdout += lines),
    stderr: (lines) => void (said.stderr += lines),
    now: () => (time += 20.4),
  };
  const exit = await verifyMain({ [ENV.terminationLog]: terminationLog, ...variables }, around);
  return { exit, ...said, proofs, counters, message: readFileSync(terminationLog, "utf8") };
}

test("the guard in mode verify says what each address did, and gives the proof two seconds", async () => {
  const { exit, stdout, stderr, proofs, message } = await verify([held(IPV4), held(IPV6)]);
  expect(exit).toBe(0);
  expect(stdout).toBe(
    `podrole guard: neither a token nor credentials can be had, and nothing was changed: ${IPV4} port 80 was silent; ${IPV6} port 80 was silent (20 ms)\n`,
  );
  expect(stderr).toBe("");
  expect(proofs).toEqual([[[IPV4, IPV6], 2000]]);
  expect(message).toBe(stdout.trim());
});

test("the guard in mode verify has the pod's loopback watched, since no other container runs yet", async () => {
  const { counters } = await verify([held(IPV4), held(IPV6)]);
  expect(counters).toEqual([loopbackPackets]);
});

test("the guard in mode verify tries the addresses that it is told, each once", async () => {
  const block = `100.100.100.200, ::ffff:${IPV4},${IPV4}`;
  const { proofs } = await verify([held(IPV4)], { [ENV.blockedAddresses]: block });
  expect(proofs).toEqual([[["100.100.100.200", IPV4], 2000]]);
});

test("the guard in mode verify exits with 17 and three ways to close an address that is reachable", async () => {
  const { exit, stdout, stderr, message } = await verify([REACHABLE]);
  expect(exit).toBe(17);
  expect(stdout).toBe("");
  expect(message).toBe(stderr.trim());
  const [sentence, ...ways] = message.split("\n");
  expect(sentence).toMatch(
    /^METADATA_REACHABLE: 169\.254\.169\.254 port 80 answered PUT \/x with 200, so .*:$/,
  );
  expect(ways).toEqual(waysToClose(METADATA_ADDRESSES));
});

test("the guard in mode verify exits with 18 when one address of several is unproven", async () => {
  const { exit, stderr } = await verify([held(IPV6), UNPROVEN]);
  expect(exit).toBe(18);
  expect(stderr).toMatch(
    /^METADATA_UNPROVEN: 169\.254\.169\.254 port 80 could not be tried \(EMFILE\), which/,
  );
  expect(stderr).toContain("--http-put-response-hop-limit 1\n");
});

test("the guard in mode verify logs each try at level debug", async () => {
  const { stderr } = await verify([held(IPV4)], { [ENV.logLevel]: "debug" });
  expect(JSON.parse(stderr)).toMatchObject({
    name: "guard",
    address: IPV4,
    method: "GET",
    outcome: { kind: "silent" },
  });
});

test.each<[Readonly<Record<string, string>>]>([
  [{ [ENV.blockedAddresses]: "none" }],
  [{ [ENV.blockedAddresses]: "," }],
  [{ [ENV.blockedAddresses]: "127.0.0.1" }],
  [{ [ENV.logLevel]: "loud" }],
])("the guard in mode verify proves nothing with %j", async (variables) => {
  const error = await thrown(() => verify([held(IPV4)], variables));
  expect(error).toMatchObject({ code: "CONFIG_INVALID" });
});

test("the guard in mode verify gives an unforeseen error the code GUARD_FAILED", async () => {
  const around = {
    prove: () => Promise.reject(new Error("no")),
    stdout: () => {},
    stderr: () => {},
    now: () => 0,
  };
  expect(await thrown(() => verifyMain({}, around))).toMatchObject({ code: "GUARD_FAILED" });
});

test("the ways to close an address have a command each and end with the policy as YAML", () => {
  const ways = waysToClose(METADATA_ADDRESSES);
  const start = ways.indexOf("apiVersion: networking.k8s.io/v1");
  expect(parse(ways.slice(start).join("\n"))).toEqual(metadataPolicy(METADATA_ADDRESSES));
  expect(ways.slice(0, start).filter((line) => /^(?:aws|kubectl) /.test(line))).toHaveLength(2);
});

test("the ways to close an address fit into what the kubelet shows", async () => {
  const { message } = await verify([REACHABLE]);
  expect(Buffer.byteLength(message)).toBeLessThan(2000);
});
