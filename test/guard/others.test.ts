import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { outcomeOf, socketClient } from "./attempts.ts";
import type { Ended } from "./command.ts";
import { runGuard, withoutNfTables, withoutNft } from "./guard-run.ts";
import { file, METADATA_V4, METADATA_V6, openLab, SECRET, type Lab } from "./lab.ts";
import { whyNoIptables, whyNot } from "./requirements.ts";

const reason = whyNot() ?? whyNoIptables();
const APP_UID = 1000;

/** The sidecar's guard check, run once against the real addresses as an unprivileged program of the pod. */
const GUARD_CHECK = `
  const { createGuardCheck } = await import(${JSON.stringify(file("../../sidecar/guard-check.ts"))});
  const { lookByConnecting } = await import(${JSON.stringify(file("../../sidecar/guard-looks.ts"))});
  const { reach } = await import(${JSON.stringify(file("../../sidecar/kit/reach.ts"))});
  const clock = { elapsed: () => 0, sleep: () => new Promise(() => undefined) };
  const look = lookByConnecting(["${METADATA_V4}", "${METADATA_V6}"], reach);
  const guardCheck = createGuardCheck({ look, clock, onChange: ({ kind }) => {
    console.log(JSON.stringify({ kind, problem: guardCheck.problem()?.code }));
    process.exit(0);
  } });
  guardCheck.start();
`;

const PROXY = `require("net").createServer((socket) => socket.once("data", () => socket.end("the proxy")))
  .listen(15001, () => console.log("up"))`;

const BACK_ENDS = [
  { backEnd: "nft", lacking: withoutNft },
  { backEnd: "legacy", lacking: async () => withoutNfTables() },
] as const;

describe.skipIf(reason)(`the guard beside other agents${reason ? ` (skipped: ${reason})` : ""}`, () => {
  let lab: Lab;

  beforeEach(async () => {
    lab = await openLab();
  });
  afterEach(() => lab?.close());

  const sh = (script: string): Promise<Ended> => lab.inPod(["sh", "-ec", script]);
  const ours = async (): Promise<string> => {
    const tables = (await lab.ruleset()).match(/^table \w+ podrole_guard \{\n.*?^\}\n/gms);
    return (tables ?? []).join("");
  };
  const ask = async (address: string): Promise<ReturnType<typeof outcomeOf>> =>
    outcomeOf(await lab.inPod(socketClient(APP_UID, address)));
  const verified = async (): Promise<unknown> => {
    const as = [
      "setpriv",
      "--reuid=64169",
      "--regid=64169",
      "--clear-groups",
      "--inh-caps=-all",
      "--bounding-set=-all",
    ];
    const { stdout, stderr } = await lab.inPod([
      ...as,
      process.execPath,
      "--input-type=module",
      "-e",
      GUARD_CHECK,
    ]);
    expect(stderr).toBe("");
    return JSON.parse(stdout);
  };

  test("keeps working when another agent restores its own whole rule set with iptables, of either back end", async () => {
    expect(await runGuard(lab)).toMatchObject({ code: 0 });
    const before = await ours();
    expect(before).toMatch(/table netdev podrole_guard/);
    for (const program of ["iptables", "ip6tables"]) {
      for (const backEnd of ["nft", "legacy"]) {
        const name = `${program}-${backEnd}`;
        const restored = await sh(
          `${name}-save > /tmp/podrole-$$; ${name}-restore < /tmp/podrole-$$; rm /tmp/podrole-$$`,
        );
        expect({ name, ...restored }).toMatchObject({ name, code: 0 });
        expect({ name, ...(await sh(`${name} -F`)) }).toMatchObject({ name, code: 0 });
      }
    }
    expect(await ours()).toBe(before);
    for (const address of [METADATA_V4, METADATA_V6]) expect((await ask(address)).code).toBe("ECONNREFUSED");
    expect(await verified()).toEqual({ kind: "closed" });
  });

  // Nothing in a pod stands against an agent with NET_ADMIN. What counts is that nobody is given credentials then.
  test("an agent that flushes everything removes the guard, and the sidecar's guard check notices", async () => {
    expect(await runGuard(lab)).toMatchObject({ code: 0 });
    await lab.nft("flush ruleset");
    expect(await ask(METADATA_V4)).toMatchObject({
      outcome: "reached",
      body: expect.stringContaining(SECRET),
    });
    expect(await verified()).toMatchObject({ kind: "open", problem: "METADATA_REACHABLE" });
  });

  test("works again when it is run after a flush", async () => {
    await runGuard(lab);
    await lab.nft("flush ruleset");
    expect(await runGuard(lab)).toMatchObject({ code: 0 });
    expect(await verified()).toEqual({ kind: "closed" });
  });

  describe("in a user namespace of its own, an unprivileged program", () => {
    const nested = async (flags: string, ...argv: readonly string[]): Promise<Ended> => {
      expect(await runGuard(lab)).toMatchObject({ code: 0 });
      const as = [
        "setpriv",
        "--reuid=1000",
        "--regid=1000",
        "--clear-groups",
        "--inh-caps=-all",
        "--bounding-set=-all",
      ];
      return lab.inPod([...as, "unshare", flags, ...argv]);
    };

    test("can become its root at all", async () => {
      expect(await nested("-Ur", "id", "-u")).toMatchObject({ code: 0, stdout: "0\n" });
    });

    test.each([
      ["flush the rules", "nft", "flush", "ruleset"],
      ["delete the guard's table", "nft", "delete", "table", "inet", "podrole_guard"],
      ["put an interface into the pod", "ip", "link", "add", "mine", "type", "dummy"],
      ["change a route", "ip", "route", "replace", METADATA_V4, "dev", "eth0"],
    ])("cannot %s", async (_, ...argv) => {
      const { code, stderr } = await nested("-Ur", ...argv);
      expect(code).not.toBe(0);
      expect(stderr).toMatch(/not permitted/);
      expect((await ask(METADATA_V4)).code).toBe("ECONNREFUSED");
    });

    test("has no way out of a network of its own, and cannot lead one into the pod's", async () => {
      const pod = String(lab.startInPod(["sleep", "60"]).pid);
      const link = ["ip", "link", "add", "a", "type", "veth", "peer", "name", "b", "netns", pod];
      expect((await nested("-Urn", ...link)).code).not.toBe(0);
      const client = ["python3", file("attacker/socket_client.py"), METADATA_V4];
      expect(outcomeOf(await nested("-Urn", ...client))).toMatchObject({
        outcome: "refused",
        code: "ENETUNREACH",
      });
    });
  });

  describe.each(BACK_ENDS)("by iptables-$backEnd", ({ backEnd, lacking }) => {
    const guard = async (): Promise<Ended> => {
      const { env, as } = await lacking();
      return runGuard(lab, env, as);
    };
    const rules = async (): Promise<string> => {
      const both = ["iptables", "ip6tables"].map((name) => sh(`${name}-${backEnd}-save`));
      return (await Promise.all(both))
        .map(({ stdout }) => stdout.replaceAll(/^#.*\n|\[\d+:\d+\]/gm, ""))
        .join("");
    };

    test("applied twice gives the same rules as once, and leaves an agent's alone", async () => {
      await sh(`iptables-${backEnd} -N MESH; iptables-${backEnd} -I OUTPUT -p udp -d 192.0.2.9 -j MESH`);
      expect(await guard()).toMatchObject({ code: 0 });
      const once = await rules();
      expect(once).toContain("-A OUTPUT -d 192.0.2.9/32 -p udp -j MESH");
      expect(await guard()).toMatchObject({ code: 0 });
      expect(await rules()).toBe(once);
    });

    test("comes before an accept that an agent put first", async () => {
      await sh(`iptables-${backEnd} -I OUTPUT -j ACCEPT`);
      expect(await guard()).toMatchObject({ code: 0 });
      expect((await ask(METADATA_V4)).code).toBe("ECONNREFUSED");
    });

    test("works, and is proven, under a mesh that redirects every connection to its proxy", async () => {
      const child = lab.startInPod([process.execPath, "-e", PROXY]);
      await new Promise((resolve) => child.stdout.once("data", resolve));
      for (const program of ["iptables", "ip6tables"]) {
        const redirect = await sh(
          `${program}-${backEnd} -t nat -A OUTPUT -p tcp -j REDIRECT --to-ports 15001`,
        );
        expect(redirect).toMatchObject({ code: 0 });
      }
      expect(await ask(METADATA_V4)).toMatchObject({
        outcome: "reached",
        body: expect.stringContaining("the proxy"),
      });
      expect(await guard()).toMatchObject({ code: 0 });
      for (const address of [METADATA_V4, METADATA_V6]) {
        expect(await ask(address)).toMatchObject({ outcome: "refused", code: "ECONNREFUSED" });
      }
    });

    test("lets only the configured uid through", async () => {
      const { env, as } = await lacking();
      expect(await runGuard(lab, { ...env, PODROLE_OPEN_UID: "64169" }, as)).toMatchObject({ code: 0 });
      expect((await ask(METADATA_V4)).code).toBe("ECONNREFUSED");
      for (const address of [METADATA_V4, METADATA_V6]) {
        expect(outcomeOf(await lab.inPod(socketClient(64_169, address)))).toMatchObject({
          outcome: "reached",
        });
      }
    });

    // iptables knows one filter table for all, so here an agent's restore without --noflush takes ours with it.
    test("is removed by an agent that restores the whole table, and the sidecar's guard check notices", async () => {
      expect(await guard()).toMatchObject({ code: 0 });
      expect(await verified()).toEqual({ kind: "closed" });
      await sh(`printf '*filter\\nCOMMIT\\n' | iptables-${backEnd}-restore`);
      expect(await verified()).toMatchObject({ kind: "open", problem: "METADATA_REACHABLE" });
    });
  });

  test("iptables-legacy needs NET_RAW in the guard, and the guard says so", async () => {
    const { env } = withoutNfTables();
    const as = ["python3", file("attacker/kernel_without_nf_tables.py"), "setpriv", "--inh-caps=-all"];
    const { code, stderr } = await runGuard(lab, env, [
      ...as,
      "--bounding-set=-all,+net_admin",
      "--no-new-privs",
    ]);
    expect(stderr.trim().split("\n").at(-1)).toMatch(/^GUARD_NO_PACKET_FILTER: .*NET_RAW in the guard/);
    expect(code).toBe(12);
  });
});
