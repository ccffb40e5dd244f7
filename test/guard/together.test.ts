import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ENV, NO_GUARD } from "../../sidecar/contract/env.ts";
import { HEALTH_PORT, IMDS_PORT } from "../../sidecar/contract/pod.ts";
import { SIDECAR_UID } from "../support/sidecar-uid.ts";
import { tempFolder } from "../support/temp-files.ts";
import { until } from "../support/until.ts";
import { outcomeOf, socketClient, WAYS } from "./attempts.ts";
import { must } from "./command.ts";
import { EMULATE, startSidecar } from "./emulated.ts";
import { AS_GUARD, bounded, runGuard, withoutEgressHook, withoutNfTables, withoutNft } from "./guard-run.ts";
import { BLOCKED, METADATA_V4, openLab, type Lab } from "./lab.ts";
import { whyNoIptables, whyNot } from "./requirements.ts";
import { ask, WITH_SIDECAR } from "./sidecar-ports.ts";
import { AS_BOTH, NO_RIGHTS, rightsOf, startTogether } from "./together-run.ts";

const reason = whyNot();
const noIptables = whyNoIptables();
const APP_UID = 1000;
const REFUSED = { outcome: "refused", code: "ECONNREFUSED" };
const AS_SIDECAR = ["setpriv", `--reuid=${SIDECAR_UID}`, `--regid=${SIDECAR_UID}`, "--clear-groups"];

/**
 * What holds the rules is the kernel, whoever has set them. So every way round the guard is tried once, in ways-round.test.ts and
 * sidecar-ports.test.ts, and here that guard and sidecar in one process set the same rules; with them, the ways that need no
 * particular capability.
 */
describe.skipIf(reason)(`guard and sidecar in one process${reason ? ` (skipped: ${reason})` : ""}`, () => {
  let lab: Lab;

  beforeEach(async () => {
    lab = await openLab();
  });
  afterEach(() => lab?.close());

  const healthPort = async (): Promise<object> => outcomeOf(await ask(lab, HEALTH_PORT, "127.0.0.1"));

  const both = (argv: readonly string[]): readonly string[] =>
    argv.map((word) => word.replace("+net_admin", "+net_admin,+setuid,+setgid"));

  describe("set exactly the rules that the guard sets by itself", () => {
    test.for<[string, Readonly<Record<string, string>>]>([
      ["where the metadata service is blocked", WITH_SIDECAR],
      ["where it is emulated", EMULATE],
      ["where source node lets the sidecar through", { ...WITH_SIDECAR, [ENV.openUid]: String(SIDECAR_UID) }],
    ])("%s", async ([, env]) => {
      expect(await runGuard(lab, env)).toMatchObject({ code: 0 });
      const wanted = await lab.ruleset();
      await lab.nft("delete table inet podrole_guard; delete table netdev podrole_guard");
      expect(await startTogether(lab, env).listens).toBe(true);
      expect(await lab.ruleset()).toBe(wanted);
    });

    test.skipIf(noIptables).for([
      ["without the egress hook", withoutEgressHook],
      ["by iptables-nft", withoutNft],
      ["by iptables-legacy", withoutNfTables],
    ] as const)("%s, and cannot read them afterwards", async ([, lacking]) => {
      const { env, as, says } = await lacking();
      const wanted = await runGuard(lab, { ...WITH_SIDECAR, ...env }, as);
      const one = startTogether(lab, env, both(as));
      expect(await one.listens).toBe(true);
      expect(outcomeOf(await lab.inPod(socketClient(APP_UID, METADATA_V4)))).toMatchObject(REFUSED);
      const line = (stdout: string): string => stdout.replace(/\d+ ms\)/, "ms)");
      const { stdout } = await one.kill();
      expect(stdout).toContain(says);
      expect(line(stdout)).toBe(line(wanted.stdout));
    });
  });

  test.for(["block", "emulate"] as const)(
    "are not passed by what passes other guards, told to %s",
    async (imds) => {
      const one = startTogether(
        lab,
        imds === "emulate" ? EMULATE : { [ENV.blockedAddresses]: BLOCKED.join(",") },
      );
      expect(await one.listens).toBe(true);
      const ways = WAYS.filter(
        (way) => !way.passesGuard && !way.needsRaw && !(imds === "emulate" && way.isEmulated),
      );
      for (const { name, attempt } of ways) {
        const { outcome, body } = await attempt(lab);
        expect({ name, outcome, body }).toEqual({
          name,
          outcome: expect.stringMatching(/^(?:refused|silent)$/),
          body: undefined,
        });
      }
    },
  );

  describe("once they listen", () => {
    test("have nothing left of root in any thread", async () => {
      const one = startTogether(lab);
      expect(await one.listens).toBe(true);
      const threads = rightsOf(one.pid);
      expect(threads.length).toBeGreaterThan(4);
      expect(new Set(threads)).toEqual(new Set([NO_RIGHTS]));
    });

    test("cannot change the rules, not by a program that has what the container was given", async () => {
      expect(await startTogether(lab).listens).toBe(true);
      const before = await lab.ruleset();
      for (const script of ["flush ruleset", "delete table inet podrole_guard", "list ruleset"]) {
        const { code, stdout } = await lab.inPod([...AS_BOTH, ...AS_SIDECAR, "nft", ...script.split(" ")]);
        expect({ script, done: code === 0 && stdout !== "" }).toEqual({ script, done: false });
      }
      for (const uid of ["0", "1000"]) {
        const becoming = ["setpriv", `--reuid=${uid}`, "true"];
        expect(await lab.inPod([...AS_BOTH, ...AS_SIDECAR, ...becoming])).not.toMatchObject({ code: 0 });
      }
      expect(await lab.ruleset()).toBe(before);
    });

    // A sidecar that has always had its uid is open to that uid. So no container of the pod may have it, or share its processes.
    test("keep memory and variables from another process of the same uid", async () => {
      const one = startTogether(lab);
      expect(await one.listens).toBe(true);
      for (const name of ["environ", "mem", "maps"]) {
        const argv = [...AS_SIDECAR, "sh", "-c", `exec head -c 1 /proc/${one.pid}/${name}`];
        expect({ name, ...(await lab.inPod(argv)) }).toMatchObject({ name, stdout: "", code: 1 });
      }
      expect(await lab.inPod([...AS_SIDECAR, "sh", "-c", "head -c 1 /proc/self/environ"])).toMatchObject({
        code: 0,
      });
    });
  });

  describe("never listen", () => {
    const kept = expect.stringContaining("PRIVILEGES_KEPT: ") as string;
    test.for<[string, readonly string[], number, string]>([
      ["without SETUID", bounded("+net_admin,+setgid"), 16, kept],
      ["without SETGID", bounded("+net_admin,+setuid"), 16, kept],
      ["with privilege escalation", AS_BOTH.filter((word) => word !== "--no-new-privs"), 16, kept],
      [
        "with inheritable capabilities",
        AS_BOTH.map((word) => word.replace("--inh-caps=-all", "--inh-caps=-all,+net_admin")),
        16,
        kept,
      ],
      [
        "without NET_ADMIN",
        bounded("+setuid,+setgid"),
        11,
        expect.stringContaining("GUARD_NO_CAPABILITY: ") as string,
      ],
      [
        "as the sidecar's uid from the beginning",
        [...AS_SIDECAR, ...AS_GUARD],
        11,
        expect.stringContaining("GUARD_NO_CAPABILITY: ") as string,
      ],
    ])("%s", async ([, as, code, stderr]) => {
      const one = startTogether(lab, {}, as);
      expect(await one.listens).toBe(false);
      expect(await one.ended).toMatchObject({ code, stderr });
    });

    test.for([
      [ENV.sidecarUid, ""],
      [ENV.sidecarUid, "0"],
      [ENV.sidecarPorts, ","],
      [ENV.blockedAddresses, NO_GUARD],
    ] as const)("with %s set to %j", async ([name, value]) => {
      expect(await startTogether(lab, { [name]: value }).ended).toMatchObject({ code: 2 });
    });
  });

  test("let the pod wait while the process is stopped between the rules and the drop", async () => {
    const folder = tempFolder();
    const nft = (await must(["which", "nft"])).trim();
    // Stops the guard once, when its rules are in the kernel.
    writeFileSync(
      join(folder, "nft"),
      `#!/bin/sh\n${nft} "$@"; code=$?\n[ "$1" != -f ] || kill -STOP $PPID\nexit $code\n`,
    );
    chmodSync(join(folder, "nft"), 0o755);
    chmodSync(folder, 0o755);
    const path = { PATH: `${folder}:${process.env["PATH"] ?? ""}` };
    const one = startTogether(lab, path);
    await until("the rules", async () =>
      (await lab.ruleset()).includes("podrole_guard") ? true : undefined,
    );
    expect(await healthPort()).toMatchObject(REFUSED);
    const hook = startTogether(lab, { [ENV.startTimeoutSeconds]: "1" }, AS_BOTH, "wait");
    expect(await hook.ended).toMatchObject({ code: 1, stderr: expect.stringContaining("WAIT_TIMED_OUT") });
    expect(outcomeOf(await lab.inPod(socketClient(APP_UID, METADATA_V4)))).toMatchObject(REFUSED);
    process.kill(one.pid, "SIGCONT");
    expect(await one.listens).toBe(true);
  });

  test("their hook gives up root while it waits, and ends when they listen", async () => {
    const hook = startTogether(lab, {}, AS_BOTH, "wait");
    const rights = await until("the hook's uid", () => {
      const now = rightsOf(hook.pid);
      return now.every((one) => one.includes(`Uid: ${SIDECAR_UID}`)) ? now : undefined;
    });
    expect(new Set(rights)).toEqual(new Set([NO_RIGHTS]));
    expect(hook.child.exitCode).toBeNull();
    expect(await startTogether(lab).listens).toBe(true);
    expect(await hook.ended).toMatchObject({ code: 0, stderr: "" });
  });

  test("their hook fails where it keeps root", async () => {
    const hook = startTogether(lab, {}, bounded("+net_admin"), "wait");
    expect(await hook.ended).toMatchObject({ code: 1, stderr: expect.stringContaining("PRIVILEGES_KEPT") });
  });

  test("a control: a sidecar of its own uid would show its variables to that uid", async () => {
    const end = await startSidecar(lab);
    const { stdout } = await lab.inPod([
      ...AS_SIDECAR,
      "sh",
      "-c",
      `ss -Hltnp 'sport = ${IMDS_PORT}' | grep -o 'pid=[0-9]*' | head -1`,
    ]);
    const pid = /\d+/.exec(stdout)?.[0] ?? "";
    expect(await lab.inPod([...AS_SIDECAR, "sh", "-c", `head -c 1 /proc/${pid}/environ`])).toMatchObject({
      code: 0,
    });
    end();
  });
});
