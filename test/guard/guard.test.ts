import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { outcomeOf, packetClient, socketClient } from "./attempts.ts";
import { collect, command } from "./command.ts";
import { ENV } from "../../sidecar/contract/env.ts";
import { AS_GUARD, GUARD, guardEnv, runGuard } from "./guard-run.ts";
import { METADATA_V4, METADATA_V6, openLab, type Lab } from "./lab.ts";
import { whyNot } from "./requirements.ts";
import { LIKE_OURS, serviceLinks } from "../support/service-links.ts";

const reason = whyNot();
const APP_UID = 1000;
const FRAGMENTS = ["--udp", "--pad", "8000"];
const PROXY = `require("net").createServer((socket) => socket.once("data", () => socket.end("the proxy")))
  .listen(15001, () => console.log("up"))`;

describe.skipIf(reason)(`the guard in a pod's network${reason ? ` (skipped: ${reason})` : ""}`, () => {
  let lab: Lab;

  beforeEach(async () => {
    lab = await openLab();
  });
  afterEach(() => lab?.close());

  test("says in one line what it did", async () => {
    const { code, stdout, stderr } = await runGuard(lab);
    expect(stderr).toBe("");
    expect(stdout).toMatch(
      /^podrole guard: 169\.254\.169\.254 and fd00:ec2::254 are out of reach \(4 chains, 3 interfaces, \d+ ms\)\n$/,
    );
    expect(code).toBe(0);
  });

  test("needs no list of protocol names, which an image without a distribution does not have", async () => {
    const bare = [
      "unshare",
      "--mount",
      "sh",
      "-c",
      'mount --bind /dev/null /etc/protocols && exec "$@"',
      "sh",
    ];
    const { code, stderr } = await runGuard(lab, {}, [...bare, ...AS_GUARD]);
    expect(stderr).toBe("");
    expect(code).toBe(0);
  });

  test("does its work in a namespace with Services whose variables begin like its own", async () => {
    const { code, stdout, stderr } = await runGuard(lab, serviceLinks(...LIKE_OURS));
    expect(stderr).toBe("");
    expect(stdout).toContain("169.254.169.254 and fd00:ec2::254 are out of reach (4 chains");
    expect(code).toBe(0);
  });

  test("applied twice gives the same rules as once", async () => {
    await runGuard(lab);
    const once = await lab.ruleset();
    const { code } = await runGuard(lab);
    expect(code).toBe(0);
    expect(await lab.ruleset()).toBe(once);
  });

  test("leaves other tables as they were, counters included", async () => {
    await lab.nft(
      "add table inet other; add chain inet other c; add rule inet other c counter packets 7 bytes 8",
    );
    const others = async (): Promise<string> => {
      const { stdout } = await lab.inPod(["nft", "list", "ruleset"]);
      return stdout.replaceAll(/^table \w+ podrole_guard \{\n.*?^\}\n/gms, "");
    };
    const before = await others();
    expect(before).toContain("counter packets 7 bytes 8");
    await runGuard(lab);
    await runGuard(lab);
    expect(await others()).toBe(before);
  });

  test("is never down while it is applied again", async () => {
    await runGuard(lab);
    const client = lab.startInPod([...socketClient(APP_UID, METADATA_V4), "--repeat", "3000"]);
    const ended = collect(client);
    for (let again = 0; again < 5; again += 1) expect((await runGuard(lab)).code).toBe(0);
    expect(client.exitCode, "the client was still at it").toBeNull();
    client.stdin.end();
    expect(outcomeOf(await ended)).toMatchObject({ outcome: "refused", code: "ECONNREFUSED" });
  });

  test("cuts a connection that was opened before it", async () => {
    const client = lab.startInPod([...socketClient(APP_UID, METADATA_V4), "--hold"]);
    const ended = collect(client);
    await new Promise((resolve) => client.stdout.once("data", resolve));
    await runGuard(lab);
    client.stdin.end("\n");
    expect(["refused", "silent"]).toContain(outcomeOf(await ended).outcome);
  });

  test("a connection opened before reads the secret as long as there is no guard", async () => {
    const client = lab.startInPod([...socketClient(APP_UID, METADATA_V4), "--hold"]);
    const ended = collect(client);
    await new Promise((resolve) => client.stdout.once("data", resolve));
    client.stdin.end("\n");
    expect(outcomeOf(await ended).outcome).toBe("reached");
  });

  test("leaves all other traffic alone", async () => {
    await runGuard(lab);
    const { gateway } = lab.interfaces.eth0;
    // The router's hardware address has to be asked for again, over ARP and over IPv6's neighbour discovery.
    await lab.inPod(["ip", "neighbour", "flush", "dev", "eth0"]);
    for (const argv of [[gateway.v4], [gateway.v6], [gateway.v4, ...FRAGMENTS], [gateway.v6, ...FRAGMENTS]]) {
      const ended = await lab.inPod(socketClient(APP_UID, ...argv));
      expect({ argv, ...outcomeOf(ended) }).toMatchObject({ argv, outcome: "reached" });
    }
    // The last rule of the chain counts what the policy drops.
    const { stdout } = await lab.inPod(["nft", "list", "chain", "netdev", "podrole_guard", "egress"]);
    expect(stdout).toContain("counter packets 0 bytes 0");
  });

  test("works, and is proven, under a mesh that redirects every connection to its proxy", async () => {
    const child = lab.startInPod([process.execPath, "-e", PROXY]);
    await new Promise((resolve) => child.stdout.once("data", resolve));
    await lab.nft(`table inet mesh {
      chain output { type nat hook output priority -100; meta l4proto tcp redirect to :15001; }
    }`);
    const proxied = await lab.inPod(socketClient(APP_UID, METADATA_V4));
    expect(outcomeOf(proxied)).toMatchObject({
      outcome: "reached",
      body: expect.stringContaining("the proxy"),
    });
    expect(await runGuard(lab)).toMatchObject({ code: 0 });
    for (const address of [METADATA_V4, METADATA_V6]) {
      const refused = await lab.inPod(socketClient(APP_UID, address));
      expect(outcomeOf(refused)).toMatchObject({ outcome: "refused", code: "ECONNREFUSED" });
    }
  });

  test("is proven in a pod without IPv6", async () => {
    await lab.inPod(["sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1"]);
    expect(await runGuard(lab)).toMatchObject({ code: 0 });
  });

  test("is proven in a pod without any interface but loopback", async () => {
    for (const device of ["eth0", "net1", "nested"]) await lab.inPod(["ip", "link", "del", device]);
    const { code, stdout } = await runGuard(lab);
    expect(stdout).toContain("(3 chains, 0 interfaces");
    expect(code).toBe(0);
  });

  test("guards an interface that carries no Ethernet, and lets the rest of its traffic pass", async () => {
    await lab.inPod(["ip", "tuntap", "add", "tun0", "mode", "tun"]);
    await lab.inPod(["ip", "address", "add", "10.80.0.1/24", "dev", "tun0"]);
    await lab.inPod(["ip", "link", "set", "tun0", "up"]);
    const tun0 = { ...lab.interfaces.eth0, name: "tun0" };
    const sent = async (address: string, claim: string): Promise<string | undefined> => {
      const argv = packetClient(tun0, address, "--via", "dgram", "--claim", claim, "--wait", "0.1");
      return outcomeOf(await lab.inPod(argv)).code;
    };
    expect(await sent(METADATA_V4, "0x0800")).toBeUndefined();

    expect(await runGuard(lab)).toMatchObject({ code: 0, stdout: expect.stringContaining("4 interfaces") });
    expect(await sent("10.80.0.9", "0x0800"), "another address").toBeUndefined();
    expect(await sent(METADATA_V4, "0x0800"), "the blocked address").toBe("ENOBUFS");
    expect(await sent(METADATA_V4, "0x86dd"), "sent as IPv6").toBe("ENOBUFS");
    expect(await sent(METADATA_V4, "0x0806"), "sent as ARP").toBe("ENOBUFS");
  });

  // As the kubelet makes one with hostUsers: false. There is no way in from outside, so it has its own interfaces.
  test.each(["block", "emulate"])("is proven in a user namespace, told to %s", async (imds) => {
    const env = { ...process.env, ...guardEnv(lab), [ENV.imds]: imds };
    const script = `ip link set lo up && ip link add eth0 type veth peer name peer && ip link set eth0 up &&
      ip address add 10.81.0.2/24 dev eth0 && ip route add default dev eth0 && exec "$@"`;
    const argv = ["unshare", "-Urn", "sh", "-c", script, "sh", ...GUARD];
    expect(await command(argv, { env })).toMatchObject({ code: 0, stderr: "" });
  });
});
