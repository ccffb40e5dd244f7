import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { SIDECAR_UID } from "../support/sidecar-uid.ts";
import { HEALTH_PORT } from "../../sidecar/contract/pod.ts";
import { outcomeOf } from "./attempts.ts";
import type { Ended } from "./command.ts";
import { AS_GUARD, runGuard, withoutEgressHook, withoutNfTables, withoutNft } from "./guard-run.ts";
import { file, openLab, type Lab } from "./lab.ts";
import { whyNoIptables, whyNot } from "./requirements.ts";
import { markdownTable, PAGE, pageWith } from "./page.ts";
import {
  ask,
  PORT_WAYS,
  PORTS,
  serveAs,
  theft,
  THIEF,
  THIEF_UID,
  WITH_SIDECAR,
  type PortWay,
  type Theft,
} from "./sidecar-ports.ts";

const reason = whyNot() ?? whyNoIptables();

const REFUSED = { outcome: "refused", code: "ECONNREFUSED" };

const GUARDS = [
  { posture: "guard", lacking: async () => ({ env: {}, as: AS_GUARD }) },
  { posture: "guard, no egress hook", lacking: withoutEgressHook },
  { posture: "guard, iptables-nft", lacking: withoutNft },
  { posture: "guard, iptables-legacy", lacking: async () => withoutNfTables() },
] as const;

const PROXY_UID = 1337;
const CONTROL = "no guard";
const POSTURES = [CONTROL, ...GUARDS.map(({ posture }) => posture)];
const WORDS = new Map<boolean | undefined, string>([
  [true, "**asked**"],
  [false, "held"],
]);

/** @param asked by program and protection: whether it was sent a request that was meant for the sidecar */
const section = (asked: ReadonlyMap<string, ReadonlyMap<string, boolean>>): string => `
Each line is a program of another container that serves at one of the sidecar's ports, which a restarting sidecar has left
(test/guard/sidecar-ports.ts). It wants to be handed the app's token. **asked**: it was sent the app's request. **held**: it was sent nothing.

${markdownTable([
  ["program", ...POSTURES],
  ...[...asked].map(([name, by]) => [name, ...POSTURES.map((posture) => WORDS.get(by.get(posture)) ?? "-")]),
])}
`;

describe.skipIf(reason)(`the sidecar's ports${reason ? ` (skipped: ${reason})` : ""}`, () => {
  let lab: Lab;
  const ends: (() => Promise<unknown>)[] = [];
  const table = new Map<string, Map<string, boolean>>(PORT_WAYS.map(({ name }) => [name, new Map()]));

  beforeAll(async () => {
    lab = await openLab();
  });
  afterAll(() => lab?.close());
  afterEach(async () => {
    await Promise.all(ends.splice(0).map((end) => end()));
  });

  const tried = async ({ name, attempt }: PortWay, posture: string, port: number): Promise<Theft> => {
    const came = await attempt(lab, port);
    const before = table.get(name)?.get(posture) ?? false;
    table.get(name)?.set(posture, before || came.outcome === "reached" || came.said.includes("got"));
    return came;
  };
  const serving = async (uid: number, port: number, address: string): Promise<void> =>
    void ends.push(await serveAs(lab, uid, port, address));
  const asking = async (port: number, address: string, ...args: readonly string[]) =>
    outcomeOf(await ask(lab, port, address, "--wait", "5", ...args));

  // A control: each of them is handed the app's request.
  describe("without a guard", () => {
    test.each(PORT_WAYS.filter(({ name }) => !name.includes("at the same time")))(
      "$name is sent the app's request",
      async (way) => {
        expect(await tried(way, CONTROL, PORTS[0])).toMatchObject({
          body: THIEF,
          said: expect.stringContaining("got"),
        });
      },
    );
  });

  describe.each(GUARDS)("with the $posture", ({ posture, lacking }) => {
    const guarded = async (): Promise<Ended> => {
      const { env, as } = await lacking();
      return runGuard(lab, { ...WITH_SIDECAR, ...env }, as);
    };
    beforeAll(async () => {
      await lab?.close();
      lab = await openLab();
      const { code, stdout, stderr } = await guarded();
      const says = `only uid ${SIDECAR_UID} answers at ports 16925 and 16927`;
      if (code !== 0 || !stdout.includes(says)) throw new Error(`${stdout}${stderr}`);
    });

    describe.each(posture === "guard" ? PORTS : PORTS.slice(0, 1))("port %i", (port) => {
      test.each(PORT_WAYS)("$name is sent nothing of the app's", async (way) => {
        // The client had no answer, and the thief was sent nothing.
        const { outcome, said } = await tried(way, posture, port);
        expect(outcome).toMatch(/^(?:refused|silent)$/);
        expect(said).not.toContain("got");
      });

      test.each(["127.0.0.1", "::1", "127.0.0.2", "10.70.0.2", "fd70::2"])(
        "the sidecar serves at %s",
        async (address) => {
          await serving(SIDECAR_UID, port, address);
          expect(await asking(port, address)).toMatchObject({ outcome: "reached" });
        },
      );

      test.each(["127.0.0.1", "::1"])(
        "a client is refused at once at %s while nobody listens",
        async (address) => {
          expect(await asking(port, address)).toMatchObject(REFUSED);
          await serving(SIDECAR_UID, port, address);
          expect(await asking(port, address)).toMatchObject({ outcome: "reached" });
          await ends.pop()?.();
          expect(await asking(port, address)).toMatchObject(REFUSED);
        },
      );
    });

    // The kernel answers a flood without a socket, so by no uid. Other pods reach the port of health and metrics alone.
    test("a neighbour's flood does not keep the pod from its own health port", async () => {
      await serving(SIDECAR_UID, HEALTH_PORT, "0.0.0.0");
      const flood = [
        "python3",
        file("attacker/half_open.py"),
        lab.interfaces.eth0.podIp,
        String(HEALTH_PORT),
        "2000",
      ];
      const flooding = lab.startInNode(flood);
      ends.push(async () => flooding.kill("SIGKILL"));
      await new Promise((resolve) => flooding.stdout.once("data", resolve));
      expect(await asking(HEALTH_PORT, "127.0.0.1")).toMatchObject({ outcome: "reached" });
    });

    test("a thief that listened before the guard gets nothing once the guard is there", async () => {
      await serving(THIEF_UID, PORTS[0], "127.0.0.1");
      expect(await guarded()).toMatchObject({ code: 0 });
      expect(await asking(PORTS[0], "127.0.0.1", "--wait", "1")).toMatchObject({ outcome: "silent" });
    });

    test("a thief cannot listen beside the sidecar, sharing its port or at every address", async () => {
      await serving(SIDECAR_UID, PORTS[0], "127.0.0.1");
      for (const listen of ["127.0.0.1", "0.0.0.0", "::"]) {
        const scene = { listen, connect: "127.0.0.1", thief: ["--reuse-port"] };
        expect(await theft(lab, PORTS[0], scene)).toMatchObject({ said: '{"failed": "EADDRINUSE"}\n' });
      }
    });

    // The kernel goes by who made the socket. The sidecar passes none on, and no other program has its uid.
    test("a socket that the sidecar's uid has made serves, whoever it is passed on to", async () => {
      const scene = { listen: "127.0.0.1", connect: "127.0.0.1", thief: ["--made-by", String(SIDECAR_UID)] };
      expect(await theft(lab, PORTS[0], scene)).toMatchObject({ body: THIEF });
    });

    test("a mesh that redirects every connection to its proxy still does, and its proxy reaches the sidecar", async () => {
      await lab.nft(`table inet mesh {
        chain output { type nat hook output priority -100; meta skuid != ${PROXY_UID} meta l4proto tcp redirect to :15001; }
      }`);
      await serving(PROXY_UID, 15_001, "127.0.0.1");
      await serving(SIDECAR_UID, PORTS[0], "127.0.0.1");
      expect(await asking(PORTS[0], "127.0.0.1")).toMatchObject({ outcome: "reached" });
      expect(await asking(PORTS[0], "127.0.0.1", "--uid", String(PROXY_UID))).toMatchObject({
        outcome: "reached",
      });
      expect(await Promise.all(ends.splice(0).map((end) => end()))).toEqual([
        expect.objectContaining({ stdout: expect.stringContaining("got") }),
        expect.objectContaining({ stdout: expect.stringContaining("got") }),
      ]);
      await lab.nft("delete table inet mesh");
    });

    // The sidecar ends each connection, so its side is the one that stays in TIME_WAIT, without a socket and a uid.
    test("fifteen clients in a row that share five ports are each answered at once", async () => {
      await serving(SIDECAR_UID, PORTS[0], "127.0.0.1");
      const range = ["sysctl", "-n", "net.ipv4.ip_local_port_range"];
      const { stdout: usual } = await lab.inPod(range);
      await lab.inPod(["sysctl", "-qw", "net.ipv4.ip_local_port_range=40000 40004"]);
      ends.push(() => lab.inPod(["sysctl", "-qw", `net.ipv4.ip_local_port_range=${usual.trim()}`]));
      for (let client = 0; client < 15; client += 1) {
        expect(await asking(PORTS[0], "127.0.0.1"), `client ${client}`).toMatchObject({ outcome: "reached" });
      }
    });

    test("other ports and other connections from these port numbers are left alone", async () => {
      await serving(THIEF_UID, 8080, "127.0.0.1");
      expect(await asking(8080, "127.0.0.1")).toMatchObject({ outcome: "reached" });
      const { gateway } = lab.interfaces.eth0;
      for (const port of PORTS) {
        expect(await asking(80, gateway.v4, "--source-port", String(port))).toMatchObject({
          outcome: "reached",
        });
      }
    });
  });

  test("the page shows what came out", async () => {
    await expect(pageWith("The sidecar's ports", section(table))).toMatchFileSnapshot(PAGE);
  });
});
