import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ENV } from "../../sidecar/contract/env.ts";
import { IMDS_PORT } from "../../sidecar/contract/pod.ts";
import { SIDECAR_UID } from "../support/sidecar-uid.ts";
import { outcomeOf, socketClient, type Outcome } from "./attempts.ts";
import { collect } from "./command.ts";
import { EMULATE, OURS, startSidecar, WITHOUT_GUARD } from "./emulated.ts";
import { AS_GUARD, runGuard, withoutEgressHook, withoutNft } from "./guard-run.ts";
import { METADATA_V4, METADATA_V6, openLab, SECRET, type Lab } from "./lab.ts";
import { whyNoIptables, whyNot } from "./requirements.ts";

const reason = whyNot();
const noIptables = whyNoIptables();
const APP_UID = 1000;
const METADATA = [METADATA_V4, METADATA_V6];
const REFUSED = { outcome: "refused", code: "ECONNREFUSED" };

/** The ways round it are a column of ways-round.test.ts. */
describe.skipIf(reason)(`the guard that emulates${reason ? ` (skipped: ${reason})` : ""}`, () => {
  let lab: Lab;

  beforeEach(async () => {
    lab = await openLab();
  });
  afterEach(() => lab?.close());

  const asked = async (address: string, uid = APP_UID, ...args: readonly string[]): Promise<Outcome> =>
    outcomeOf(await lab.inPod(socketClient(uid, address, ...args)));

  test("is proven before the sidecar runs, and leaves its port to it", async () => {
    const { code, stdout, stderr } = await runGuard(lab, EMULATE);
    expect(stderr).toBe("");
    expect(stdout).toContain(`from port ${IMDS_PORT}`);
    expect(code).toBe(0);
    // Nobody there yet: refused, and not by way of the node.
    for (const address of METADATA) expect(await asked(address)).toMatchObject(REFUSED);
    await startSidecar(lab);
    for (const address of METADATA) expect(await asked(address)).toMatchObject({ body: OURS });
  });

  test("applied twice gives the same rules as once", async () => {
    await runGuard(lab, EMULATE);
    const once = await lab.ruleset();
    expect(await runGuard(lab, EMULATE)).toMatchObject({ code: 0, stderr: "" });
    expect(await lab.ruleset()).toBe(once);
  });

  test("replaces a guard that blocks, and the reverse, with nothing left over", async () => {
    await runGuard(lab);
    const blocking = await lab.ruleset();
    expect(await runGuard(lab, { [ENV.imds]: "emulate" })).toMatchObject({ code: 0 });
    expect(await runGuard(lab)).toMatchObject({ code: 0 });
    expect(await lab.ruleset()).toBe(blocking);
  });

  test("is not proven while another program has the sidecar's port, but blocks all the same", async () => {
    const end = await startSidecar(lab);
    const { code, stderr } = await runGuard(lab, EMULATE);
    expect(stderr).toMatch(/^GUARD_NOT_APPLIED: The port 16927/);
    expect(code).toBe(1);
    end();
    for (const address of METADATA) expect((await asked(address)).body ?? "").not.toContain(SECRET);
  });

  test("is never absent while it is applied again", async () => {
    await runGuard(lab, EMULATE);
    const client = lab.startInPod([...socketClient(APP_UID, METADATA_V4), "--repeat", "3000"]);
    const ended = collect(client);
    for (let again = 0; again < 5; again += 1) await runGuard(lab, EMULATE);
    client.stdin.end();
    // The guard's own stand-in may have taken one, and says nothing that any other program could have said.
    expect(outcomeOf(await ended).body ?? "").not.toContain(SECRET);
  });

  test("cuts a connection that was opened before it, and does not redirect it", async () => {
    const clients = METADATA.map((address) => lab.startInPod([...socketClient(APP_UID, address), "--hold"]));
    const ends = clients.map((client) => collect(client));
    await Promise.all(clients.map((client) => new Promise((resolve) => client.stdout.once("data", resolve))));
    await runGuard(lab, EMULATE);
    await startSidecar(lab);
    for (const client of clients) client.stdin.end("\n");
    for (const end of ends) {
      const outcome = outcomeOf(await end);
      expect(outcome.body).toBeUndefined();
      expect(["refused", "silent"]).toContain(outcome.outcome);
    }
  });

  test("leaves all other traffic alone, also from the sidecar's port number", async () => {
    await runGuard(lab, EMULATE);
    await startSidecar(lab);
    const { gateway, podIp } = lab.interfaces.eth0;
    for (const address of [gateway.v4, gateway.v6]) {
      expect(await asked(address)).toMatchObject({ outcome: "reached" });
    }
    const from = `require("net").connect({ host: "${gateway.v4}", port: 80, localAddress: "${podIp}", localPort: ${IMDS_PORT} })
      .on("data", (part) => console.log(String(part))).write("GET /\\r\\n\\r\\n")`;
    expect((await lab.inPod([process.execPath, "-e", from])).stdout).toContain("200 OK");
  });

  test("lets only the sidecar's uid reach the real service in source node", async () => {
    expect(await runGuard(lab, { ...EMULATE, [ENV.openUid]: String(SIDECAR_UID) })).toMatchObject({
      code: 0,
    });
    await startSidecar(lab);
    for (const address of METADATA) {
      expect((await asked(address, SIDECAR_UID)).body).toContain(SECRET);
      for (const uid of [0, APP_UID, SIDECAR_UID + 65_536]) {
        expect(await asked(address, uid)).toMatchObject({ body: OURS });
      }
    }
  });

  describe("leaves its port to connections to the metadata service:", () => {
    const port = ["--port", String(IMDS_PORT)];
    /** A node, or a neighbour on a bridge, that sends 127.0.0.1 to the pod; and a pod that was given route_localnet. */
    const neighbour = async (): Promise<Outcome> => {
      const settings = (device: string, ...names: readonly string[]): readonly string[] =>
        names.map((name) => `net.ipv4.conf.${device}.${name}`);
      const sysctl = (...all: readonly string[]): readonly string[] => ["sysctl", "-qw", ...all];
      await lab.inPod(sysctl(...settings("eth0", "route_localnet=1", "rp_filter=0")));
      // So that the answer, which comes from 127.0.0.1, is taken.
      await lab.inNode(sysctl(...settings("veth0", "route_localnet=1", "rp_filter=0", "accept_local=1")));
      await lab.inNode(["ip", "route", "replace", "127.0.0.1/32", "via", "10.70.0.2", "dev", "veth0"]);
      return outcomeOf(await lab.inNode(socketClient(0, "127.0.0.1", "--device", "veth0", ...port)));
    };
    const inside = (address: string): Promise<Outcome> => asked(address, 0, ...port);

    // A control: without the arriving chain each of them gets credentials that no token guards.
    test("without it a neighbour and a port-forward are answered", async () => {
      await startSidecar(lab);
      expect(await neighbour()).toMatchObject({ body: OURS });
      for (const address of ["127.0.0.1", "::1"]) expect(await inside(address)).toMatchObject({ body: OURS });
    });

    test("a neighbour gets nothing, though the pod routes 127.0.0.1", async () => {
      await runGuard(lab, EMULATE);
      await startSidecar(lab);
      expect((await neighbour()).body).toBeUndefined();
    });

    test.each(["10.70.0.2", "fd70::2"])(
      "a neighbour gets nothing at the pod's own address %s",
      async (ip) => {
        await runGuard(lab, EMULATE);
        await startSidecar(lab);
        expect(outcomeOf(await lab.inNode(socketClient(0, ip, ...port)))).toMatchObject(REFUSED);
      },
    );

    // That is how `kubectl port-forward` connects.
    test.each(["127.0.0.1", "::1", "10.70.0.2", "fd70::2"])(
      "a program inside the pod is refused at %s",
      async (address) => {
        await runGuard(lab, EMULATE);
        await startSidecar(lab);
        expect(await inside(address)).toMatchObject(REFUSED);
      },
    );

    test("a network behind the pod is not redirected to it", async () => {
      await runGuard(lab, EMULATE);
      await startSidecar(lab);
      for (const address of METADATA) {
        expect(outcomeOf(await lab.inNested(socketClient(0, address))).body).toBeUndefined();
      }
    });
  });

  describe("beside other agents", () => {
    test("a mesh that redirects every connection does not get what is the sidecar's", async () => {
      await lab.nft(`table inet mesh {
        chain output { type nat hook output priority -100; meta l4proto tcp redirect to :15001; }
      }`);
      expect(await runGuard(lab, EMULATE)).toMatchObject({ code: 0 });
      await startSidecar(lab);
      for (const address of METADATA) expect(await asked(address)).toMatchObject({ body: OURS });
    });

    test.each([
      ["to an address of the node's", "dnat ip to 10.70.0.1:80"],
      ["to a proxy of its own", "redirect to :15001"],
    ])("notices one that redirects port 80 %s first, and lets it lead nowhere", async (_, rule) => {
      const proxy = `require("net").createServer((socket) => socket.end("the proxy")).listen(15001, () => console.log("up"))`;
      const child = lab.startInPod([process.execPath, "-e", proxy]);
      await new Promise((resolve) => child.stdout.once("data", resolve));
      await lab.nft(`table inet early {
        chain output { type nat hook output priority -150; tcp dport 80 ip daddr ${METADATA_V4} ${rule}; }
      }`);
      expect(await asked(METADATA_V4), "a control").toMatchObject({ outcome: "reached" });
      const { code, stderr } = await runGuard(lab, EMULATE);
      expect(stderr).toMatch(/^GUARD_NOT_HOLDING: .*169\.254\.169\.254 port 80 was silent/);
      expect(code).toBe(14);
      expect(await asked(METADATA_V4)).toMatchObject({ outcome: "silent" });
    });

    test("one that flushes and restores its own iptables leaves it as it is", async () => {
      await runGuard(lab, EMULATE);
      await startSidecar(lab);
      const ours = async (): Promise<string> =>
        ((await lab.ruleset()).match(/^table \w+ podrole_guard \{\n.*?^\}\n/gms) ?? []).join("");
      const before = await ours();
      for (const program of ["iptables", "ip6tables"]) {
        for (const table of ["filter", "nat"]) {
          await lab.inPod([
            "sh",
            "-c",
            `${program}-nft -t ${table} -F; printf '*${table}\\nCOMMIT\\n' | ${program}-nft-restore`,
          ]);
        }
      }
      expect(await ours()).toBe(before);
      for (const address of METADATA) expect(await asked(address)).toMatchObject({ body: OURS });
    });
  });

  test("is proven in a pod without IPv6", async () => {
    await lab.inPod(["sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1"]);
    expect(await runGuard(lab, EMULATE)).toMatchObject({ code: 0 });
  });

  test("is proven in a pod that routes 127.0.0.1", async () => {
    await lab.inPod(["sysctl", "-qw", "net.ipv4.conf.all.route_localnet=1"]);
    expect(await runGuard(lab, EMULATE)).toMatchObject({ code: 0 });
    await startSidecar(lab);
    for (const address of METADATA) expect(await asked(address)).toMatchObject({ body: OURS });
  });

  test("is proven without the egress hook as well, and says so", async () => {
    const { env, says } = await withoutEgressHook();
    const { code, stdout } = await runGuard(lab, { ...EMULATE, ...env }, AS_GUARD);
    expect(stdout).toContain(says);
    expect(code).toBe(0);
    await startSidecar(lab);
    for (const address of METADATA) expect(await asked(address)).toMatchObject({ body: OURS });
  });

  test.skipIf(noIptables)(
    `is not done by iptables, and the guard says so${noIptables ? ` (skipped: ${noIptables})` : ""}`,
    async () => {
      const { env, as } = await withoutNft();
      const { code, stderr } = await runGuard(lab, { ...EMULATE, ...env }, as);
      expect(stderr.trim().split("\n").at(-1)).toMatch(
        /^GUARD_NO_PACKET_FILTER: .*podrole\.dev\/imds: emulate/,
      );
      expect(code).toBe(12);
    },
  );

  test("without it the service was there all along", async () => {
    await runGuard(lab, EMULATE);
    await lab.nft(WITHOUT_GUARD);
    for (const address of METADATA) expect((await asked(address)).body).toContain(SECRET);
  });
});
