import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { CheckResult } from "../../injector/cli/check/result.ts";
import { podrole } from "../support/cli.ts";
import { configFromFlags } from "../support/config.ts";
import { ACCOUNT, base } from "../support/facts.ts";
import { tempFile } from "../support/temp-files.ts";
import { adminConfig, install } from "./check-rig.ts";
import { openControlPlane, whyNot, type ControlPlane } from "./control-plane.ts";
import { defaultLevel } from "./default-level.ts";
import { allowInjector, createNamespace, installCrd, NAMESPACES } from "./setting.ts";
import { addInjector } from "./webhook.ts";

const reason = whyNot();
const ENFORCE = "pod-security.kubernetes.io/enforce";

describe.skipIf(reason !== undefined)(
  `podrole check where the API server's configuration sets a Pod Security level${reason ? `: ${reason}` : ""}`,
  () => {
    // The rig's own namespace is exempt.
    const byDefault = defaultLevel("baseline", ["canary"]);
    let plane: ControlPlane;
    let injector: Awaited<ReturnType<typeof addInjector>> | undefined;
    beforeAll(async () => {
      plane = await openControlPlane(["nobody"], byDefault.flag);
      await allowInjector(plane);
      await installCrd(plane);
      injector = await addInjector(plane, { baseRoleArn: base(ACCOUNT), image: configFromFlags().image });
      await install(plane);
      for (const name of ["shop", "till"]) await createNamespace(plane.admin, name);
    });
    afterAll(async () => {
      await injector?.close();
      await plane?.stop();
      byDefault.remove();
    });

    const dryRuns = async (...args: readonly string[]): Promise<readonly CheckResult[]> => {
      const file = tempFile(adminConfig(plane));
      const { stdout } = await podrole(["check", "--kubeconfig", file, "-o", "json", ...args]);
      const { checks } = JSON.parse(stdout) as { checks: readonly CheckResult[] };
      return checks.filter(({ code }) => code === "DRY_RUN");
    };

    test("names the level that no label shows, and commands that each make the pod fit", async () => {
      const [result] = await dryRuns("-n", "shop");
      expect(result).toMatchObject({
        status: "fail",
        message: expect.stringContaining("refused by Pod Security level baseline"),
      });
      expect(result?.message).toContain("No label of the namespace shows that level");
      expect(result?.message).toContain("for 2 more in mode block");
      const commands = [
        ["annotations", "podrole.dev/guard=verify"],
        ["labels", `${ENFORCE}=baseline`],
        ["labels", `${ENFORCE}=privileged`],
      ] as const;
      for (const [kind, setting] of commands) {
        expect(result?.remedy).toMatch(new RegExp(`kubectl \\w+ --overwrite namespace shop ${setting}`));
        const [key = "", value = ""] = setting.split("=");
        await plane.admin.patch(`${NAMESPACES}/shop`, { metadata: { [kind]: { [key]: value } } });
        await expect.poll(() => dryRuns("-n", "shop"), { timeout: 10_000 }).toMatchObject([{ status: "ok" }]);
        await plane.admin.patch(`${NAMESPACES}/shop`, { metadata: { [kind]: { [key]: null } } });
        await expect
          .poll(() => dryRuns("-n", "shop"), { timeout: 10_000 })
          .toMatchObject([{ status: "fail" }]);
      }
    });
  },
);
