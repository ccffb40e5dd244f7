import { chmodSync, chownSync, copyFileSync, mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { SecurityContext } from "../../injector/model/pod.ts";
import { ANNOTATION } from "../../sidecar/contract/annotations.ts";
import { BILLING } from "../support/facts.ts";
import { app, codes, pod } from "../support/pods.ts";
import { SIDECAR_UID } from "../support/sidecar-uid.ts";
import { command } from "./command.ts";
import { file } from "./lab.ts";
import { whyNot } from "./requirements.ts";

/** What containerd gives a container that asks for nothing, without what admission takes away. */
const BY_DEFAULT =
  "chown,dac_override,fsetid,fowner,mknod,setgid,setuid,setfcap,setpcap,net_bind_service,sys_chroot,kill,audit_write".split(
    ",",
  );

const DROPS: readonly (readonly [title: string, drop: readonly string[], kept: readonly string[]])[] = [
  ["keeps what containers have by default", [], BY_DEFAULT],
  ["drops SETUID", ["SETUID"], BY_DEFAULT.filter((name) => name !== "setuid")],
  ["drops ALL", ["ALL"], []],
];
const CASES = DROPS.flatMap(([drops, drop, kept]) =>
  [0, 1000].flatMap((uid) =>
    [true, false].map((escalates) => {
      const title = `uid ${uid} that ${drops}, with${escalates ? "" : "out"} privilege escalation`;
      return [title, { drop, kept, uid, escalates }] as const;
    }),
  ),
);

const reason = whyNot();

describe.skipIf(reason)(
  `a container becomes another uid${reason ? ` (skipped: ${reason})` : ""}`,
  async () => {
    const folder = mkdtempSync(join(tmpdir(), "podrole-becoming-"));
    afterAll(() => rmSync(folder, { recursive: true, force: true }));

    beforeAll(() => {
      for (const [program, owner] of [
        ["id", SIDECAR_UID],
        ["setpriv", 0],
      ] as const) {
        copyFileSync(realpathSync(`/usr/bin/${program}`), join(folder, program));
        chownSync(join(folder, program), owner, owner);
        chmodSync(join(folder, program), 0o4755);
      }
      chmodSync(folder, 0o755);
    });

    /** Names of the ways by which such a container becomes the sidecar's uid. */
    const ways = async (uid: number, kept: readonly string[], escalates: boolean) => {
      rmSync(join(folder, "mine"), { force: true });
      chownSync(folder, uid, uid);
      const { stdout } = await command([
        "setpriv",
        `--reuid=${uid}`,
        `--regid=${uid}`,
        "--clear-groups",
        "--inh-caps=-all",
        `--bounding-set=${["-all", ...kept.map((name) => `+${name}`)].join(",")}`,
        ...(escalates ? [] : ["--no-new-privs"]),
        "sh",
        file("attacker/become_uid.sh"),
        String(SIDECAR_UID),
        folder,
      ]);
      return stdout.split("\n").filter((line) => line !== "");
    };

    /** Whether the injector warns about such a container beside one with credentials. */
    function isWarnedAbout(securityContext: SecurityContext): boolean {
      const containers = [app, { ...app, name: "neighbour", securityContext }];
      const annotations = { [ANNOTATION.role]: BILLING, [ANNOTATION.skipContainers]: "neighbour" };
      return codes(pod({ containers }, annotations)).includes("CONTAINERS_NOT_SEPARATED");
    }

    test.for(CASES)("exactly if the injector warns: %s", async ([, { drop, kept, uid, escalates }]) => {
      const found = await ways(uid, kept, escalates);
      const securityContext = { runAsUser: uid, allowPrivilegeEscalation: escalates, capabilities: { drop } };
      expect({ found, warned: isWarnedAbout(securityContext) }).toEqual({ found, warned: found.length > 0 });
    });

    test("SETUID is not needed by root that may escalate: it makes a program with the setuid bit", async () => {
      const [, [, , kept] = []] = DROPS;
      expect(await ways(0, kept ?? [], true)).toContain("a program of its own making");
    });
  },
);
