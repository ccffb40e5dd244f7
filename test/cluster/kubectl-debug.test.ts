import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ANNOTATION } from "../../sidecar/contract/annotations.ts";
import { ENFORCED_LEVEL } from "../../injector/model/guard-mode.ts";
import { runChild } from "../support/child.ts";
import { executableOnPath } from "../support/executable.ts";
import { ACCOUNT } from "../support/facts.ts";
import { started } from "../support/started.ts";
import { tempFolder } from "../support/temp-files.ts";
import { until } from "../support/until.ts";
import { whyNot } from "./control-plane.ts";
import { openInstallation, type Installed } from "./installation.ts";
import { createNamespace, podsOf } from "./setting.ts";
import { podObject } from "./webhook.ts";

const KUBECTL = executableOnPath("kubectl");
const reason = whyNot() ?? (KUBECTL === undefined ? "there is no kubectl" : undefined);

const LEVELS = ["privileged", "baseline", "restricted"] as const;
type Level = (typeof LEVELS)[number];
const TIGHT = {
  securityContext: { runAsNonRoot: true, runAsUser: 1000, seccompProfile: { type: "RuntimeDefault" } },
  containers: [
    {
      name: "app",
      image: "shop/app:1",
      securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ["ALL"] } },
    },
  ],
};
/** By level. At `restricted` Pod Security itself refuses profile baseline. */
const PASSES: Readonly<Record<Level, readonly string[]>> = {
  privileged: ["baseline", "restricted"],
  baseline: ["baseline", "restricted"],
  restricted: ["restricted"],
};

describe.skipIf(reason !== undefined)(
  `kubectl debug of pods at a real API server with install.yaml${reason ? `: ${reason}` : ""}`,
  () => {
    let installed: Installed;
    beforeAll(async () => {
      installed = await openInstallation();
      const { admin } = installed.plane;
      await installed.configure({ baseRoleArn: ACCOUNT, region: "eu-west-1" });
      for (const level of LEVELS) await createNamespace(admin, level, { [ENFORCED_LEVEL]: level });
      await installed.startController();
      await installed.start();
      const pod = podObject("web", { [ANNOTATION.role]: "by-name" }, TIGHT);
      for (const level of LEVELS) {
        await until(
          "the webhook to be called",
          async () => {
            const { status } = await admin.request("POST", podsOf(level), pod);
            return status === 201 || undefined;
          },
          25_000,
        );
        const { status } = started({ spec: { containers: [] } });
        await admin.patch(`${podsOf(level)}/web/status`, { status });
      }
    });
    afterAll(() => installed?.close());

    const debug = async (level: Level, ...args: readonly string[]): Promise<string> => {
      const home = tempFolder();
      const kubeconfig = join(home, "config");
      await writeFile(kubeconfig, installed.plane.adminConfig.exportConfig(), { mode: 0o600 });
      const words = ["-n", level, "debug", "web", "--image=busybox", ...args, "--", "sh"];
      const child = runChild(KUBECTL ?? "", ["--kubeconfig", kubeconfig, ...words], { HOME: home });
      return (await child.exited) === 0 ? "admitted" : child.output();
    };
    const CASES = LEVELS.flatMap((level) =>
      ["general", "netadmin", "sysadmin", "baseline", "restricted"].map(
        (profile) => [level, profile] as const,
      ),
    );

    const expected = (level: Level, profile: string, podrole: string): string => {
      if (PASSES[level].includes(profile)) return "admitted";
      return profile === "baseline" ? 'violates PodSecurity "restricted' : podrole;
    };

    test.for(CASES)("at level %s an added container of profile %s", async ([level, profile]) => {
      const said = await debug(level, `--profile=${profile}`);
      expect(said).toContain(expected(level, profile, `Add --profile=${PASSES[level][0]} to kubectl debug`));
    });

    test.for(CASES)("at level %s a copy of profile %s", async ([level, profile]) => {
      const flags = ["--share-processes=false", "--keep-annotations"];
      const said = await debug(level, `--copy-to=copy-${profile}`, ...flags, `--profile=${profile}`);
      const todo = `If kubectl debug made this copy, add ${flags.join(" ")} --profile=${PASSES[level][0]}.`;
      expect(said).toContain(expected(level, profile, todo));
    });

    test.for([[], ["--keep-annotations"], ["--share-processes=false"]])(
      "a copy with %j only is denied with the flags that it needs",
      async (flags) => {
        const said = await debug("privileged", "--copy-to=other", "--profile=baseline", ...flags);
        expect(said).toContain(
          "If kubectl debug made this copy, add --share-processes=false --keep-annotations --profile=baseline.",
        );
      },
    );
  },
);
