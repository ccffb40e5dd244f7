import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ENV } from "../../sidecar/contract/env.ts";
import { runGuard } from "./guard-run.ts";
import { METADATA_V4, METADATA_V6, openLab, type Lab } from "./lab.ts";
import { whyNot } from "./requirements.ts";
import { tempFolder } from "../support/temp-files.ts";

const reason = whyNot();

describe.skipIf(reason)(`the guard that cannot do its work${reason ? ` (skipped: ${reason})` : ""}`, () => {
  let lab: Lab;
  let folder: string;
  let terminationLog: string;

  beforeEach(async () => {
    lab = await openLab();
    folder = tempFolder();
    terminationLog = join(folder, "termination-log");
    await writeFile(terminationLog, "");
  });
  afterEach(async () => {
    await lab?.close();
  });

  test("changes no rule in the node's own network", async () => {
    const before = await lab.ruleset();
    const same = { [ENV.podIp]: "FD70:0::2", [ENV.hostIp]: "fd70::2", [ENV.terminationLog]: terminationLog };
    const { code, stderr } = await runGuard(lab, same);
    expect(stderr).toMatch(/^GUARD_HOST_NETWORK: .*\n$/);
    expect(code).toBe(10);
    expect(await readFile(terminationLog, "utf8")).toBe(stderr.trim());
    expect(await lab.ruleset()).toBe(before);
  });

  test.each([
    ["root without NET_ADMIN", ["setpriv", "--inh-caps=-all", "--bounding-set=-all", "--no-new-privs"]],
    ["NET_RAW in place of NET_ADMIN", ["setpriv", "--inh-caps=-all", "--bounding-set=-all,+net_raw"]],
  ])("says which capability is missing: %s", async (_, as) => {
    const before = await lab.ruleset();
    const { code, stderr } = await runGuard(lab, { [ENV.terminationLog]: terminationLog }, as);
    expect(stderr).toMatch(/^GUARD_NO_CAPABILITY: .*NET_ADMIN.*\n$/);
    expect(code).toBe(11);
    expect(await readFile(terminationLog, "utf8")).toBe(stderr.trim());
    expect(await lab.ruleset()).toBe(before);
  });

  test.each([
    ["require", "This image has no program nft"],
    [
      "prefer",
      "No packet filter in this pod can block the addresses: This image has no program nft .*iptables-nft.*iptables-legacy",
    ],
  ])("says that the image has no usable program, with the egress hook on %s", async (egressHook, says) => {
    const env = { PATH: folder, [ENV.egressHook]: egressHook, [ENV.logLevel]: "error" };
    const { code, stderr } = await runGuard(lab, env);
    expect(stderr).toMatch(new RegExp(`^GUARD_NO_PACKET_FILTER: ${says}.*\\n$`));
    expect(code).toBe(12);
  });

  test("stops at an interface name that cannot be written safely, and changes nothing", async () => {
    const before = await lab.ruleset();
    await lab.inPod(["ip", "link", "add", 'a"}#*', "type", "veth", "peer", "name", "plain"]);
    const { code, stderr } = await runGuard(lab);
    expect(stderr).toMatch(/^GUARD_INTERFACE_NAME: /);
    expect(code).toBe(1);
    expect(await lab.ruleset()).toBe(before);
  });

  test("does not take another's refusal for its own, and leaves its rules in place", async () => {
    await lab.nft(`table inet earlier {
      chain output { type filter hook output priority -400; ip daddr ${METADATA_V4} meta l4proto tcp reject with tcp reset; }
    }`);
    const { code, stderr } = await runGuard(lab);
    expect(stderr).toMatch(/^GUARD_NOT_HOLDING: .*169\.254\.169\.254 was refused by something other.*\n$/);
    expect(code).toBe(14);
    expect(await lab.ruleset()).toContain("table inet podrole_guard");
  });

  test("fails when its own attempts get no answer instead of a refusal", async () => {
    await lab.nft(`table inet earlier {
      chain output { type filter hook output priority -400; ip6 daddr ${METADATA_V6} drop; }
      chain input { type filter hook input priority 0; tcp flags & rst == rst drop; }
    }`);
    const { code, stderr } = await runGuard(lab);
    expect(stderr).toMatch(/^GUARD_NOT_HOLDING: .*169\.254\.169\.254 port 80 was not refused within 1000 ms/);
    expect(code).toBe(14);
  });

  test("a bad configuration is named in full and ends with 2", async () => {
    const { code, stderr } = await runGuard(lab, { [ENV.openUid]: "0", [ENV.hostIp]: "" });
    expect(stderr).toMatch(/^CONFIG_INVALID: .*PODROLE_OPEN_UID.*PODROLE_HOST_IP/);
    expect(code).toBe(2);
  });
});
