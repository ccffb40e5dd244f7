import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { CREDENTIALS_PORT, LOOPBACK } from "../../sidecar/contract/pod.ts";
import { ISTIO_LINE } from "../support/mesh-inits.ts";
import { SIDECAR_UID } from "../support/sidecar-uid.ts";
import { MESH_INIT_ARGS } from "../../injector/model/mesh-init.ts";
import { outcomeOf, type Outcome } from "./attempts.ts";
import type { Ended } from "./command.ts";
import { runGuard, withoutNfTables, withoutNft } from "./guard-run.ts";
import { file, METADATA_V4, METADATA_V6, openLab, type Lab } from "./lab.ts";
import { MESHES } from "./mesh-rules.ts";
import { whyNoIptables, whyNot } from "./requirements.ts";

const reason = whyNot() ?? whyNoIptables();
const PROGRAM = process.env["PODROLE_ISTIO_IPTABLES"];
const APP_UID = 1000;
const REFUSED = { outcome: "refused", code: "ECONNREFUSED" };

/** Answers at a port with a word of its own. */
const answering = (port: number, word: string): string =>
  `require("net").createServer((socket) => socket.on("error", () => 0).once("data", () => socket.end("${word}")))
     .listen(${port}, () => console.log("up"))`;

describe.skipIf(reason)(
  `a mesh's init container after the guard${reason ? ` (skipped: ${reason})` : ""}`,
  () => {
    let lab: Lab;
    beforeEach(async () => {
      lab = await openLab();
    });
    afterEach(() => lab?.close());

    const connect = async (uid: number, ...args: readonly string[]): Promise<Outcome> => {
      const client = [
        "python3",
        file("attacker/socket_client.py"),
        "--uid",
        String(uid),
        "--gid",
        String(uid),
      ];
      return outcomeOf(await lab.inPod([...client, ...args]));
    };
    const ours = async (): Promise<string> => {
      const tables = (await lab.ruleset()).match(/^table \w+ podrole_guard \{\n.*?^\}\n/gms);
      return (tables ?? []).join("");
    };
    const started = async (script: string): Promise<void> => {
      const child = lab.startInPod([process.execPath, "-e", script]);
      await new Promise((resolve) => child.stdout.once("data", resolve));
    };
    /** Nobody reaches the service: neither an app, nor the proxy, nor the sidecar's uid, nor by the proxy. */
    const expectBlocked = async (proxyId: number): Promise<void> => {
      for (const uid of [APP_UID, proxyId, SIDECAR_UID, 0]) {
        for (const address of [METADATA_V4, METADATA_V6]) {
          expect({ uid, ...(await connect(uid, address)) }).toMatchObject({ uid, ...REFUSED });
          expect({ uid, ...(await connect(uid, address, "--udp")) }).toMatchObject({
            uid,
            outcome: "refused",
          });
        }
      }
    };

    describe.for(MESHES)("$name", ({ apply, proxyId, outbound, lacks }) => {
      test.skipIf(lacks)("leaves every rule of the guard, which still blocks", async () => {
        expect(await runGuard(lab)).toMatchObject({ code: 0 });
        const before = await ours();
        expect(before).toMatch(/table inet podrole_guard[^]*table netdev podrole_guard/);
        await apply(lab);
        expect(await ours()).toBe(before);
        await started(answering(outbound, "the proxy"));
        await expectBlocked(proxyId);
        // A control: the redirect is in force.
        const { v4 } = lab.interfaces.eth0.gateway;
        expect(await connect(APP_UID, v4)).toMatchObject({ body: "the proxy" });
        expect(await runGuard(lab)).toMatchObject({ code: 0 });
        expect(await ours()).toBe(before);
      });

      test.skipIf(lacks).for([
        ["iptables-nft", withoutNft],
        ["iptables-legacy", async () => withoutNfTables()],
      ] as const)("leaves the block of a guard that has only %s", async ([, lacking]) => {
        const { env, as } = await lacking();
        expect(await runGuard(lab, env, as)).toMatchObject({ code: 0 });
        await apply(lab);
        await started(answering(outbound, "the proxy"));
        await expectBlocked(proxyId);
      });
    });

    describe.skipIf(PROGRAM === undefined)("Istio's own program, with PODROLE_ISTIO_IPTABLES,", () => {
      /** Built alone, it does not have the flags about its log. */
      const run = (args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Ended> =>
        lab.inPod([PROGRAM ?? "", ...args.filter((word) => !word.startsWith("--log"))], {
          env: { PATH: process.env["PATH"], ...env },
        });
      const [, ...WORDS] = ISTIO_LINE.split(" ");

      // The most that an annotation of the pod can ask for within the form that podrole admits.
      test.for([
        `-p ${CREDENTIALS_PORT} -z ${CREDENTIALS_PORT} -u ${SIDECAR_UID} -m REDIRECT -i 0.0.0.0/0,127.0.0.0/8 -x ${METADATA_V4}/32,${METADATA_V6}/128 -b * -d  -q 80,${CREDENTIALS_PORT} -o 80,53 -c lo,eth0 --log_output_level=default:info`,
        `-p 1 -z 1 -u 0 -m REDIRECT -i * -x 127.0.0.0/8 -b ${CREDENTIALS_PORT} -d * -q ${CREDENTIALS_PORT} -o 80 --log_output_level=default:info --force-apply`,
        `-p 1 -z 1 -u ${APP_UID} -m REDIRECT -i 127.0.0.1/32,169.254.0.0/16 -x  -b * -d  -q ${CREDENTIALS_PORT} --log_output_level=default:info --native-nftables`,
      ])("cannot be made to open the guard, or to take the sidecar's port, by %s", async (line) => {
        expect(`istio-iptables ${line}`).toMatch(new RegExp(MESH_INIT_ARGS.Istio));
        expect(await runGuard(lab)).toMatchObject({ code: 0 });
        const before = await ours();
        const env = { ISTIO_META_DNS_CAPTURE: "true", ISTIO_DUAL_STACK: "true" };
        expect(await run(line.split(" "), env)).toMatchObject({ code: 0 });
        expect(await lab.ruleset()).toMatch(/istio/i);
        expect(await ours()).toBe(before);
        await expectBlocked(1337);
        await started(answering(CREDENTIALS_PORT, "the sidecar"));
        for (const uid of [APP_UID, 0]) {
          expect(await connect(uid, "--port", String(CREDENTIALS_PORT), LOOPBACK)).toMatchObject({
            body: "the sidecar",
          });
        }
      });

      test("removes the guard's rules if an argument has a line break, which podrole refuses", async () => {
        expect(await runGuard(lab)).toMatchObject({ code: 0 });
        const inBetween = "80 return\ndelete table inet podrole_guard\nadd table inet other #";
        const args = WORDS.map((word, index) => (WORDS[index - 1] === "-b" ? inBetween : word));
        expect(await run([...args, "--native-nftables"])).toMatchObject({ code: 0 });
        expect(await ours()).not.toContain("table inet podrole_guard");
        expect(`istio-iptables ${args.join(" ")}`).not.toMatch(new RegExp(MESH_INIT_ARGS.Istio));
      });
    });
  },
);
