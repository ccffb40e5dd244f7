import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { podrole } from "../support/cli.ts";
import { CHART, helm, whyNoHelm, type HelmRun } from "../support/helm.ts";
import { until } from "../support/until.ts";
import { openControlPlane, whyNot, type ControlPlane } from "./control-plane.ts";
import { placeOf } from "./places.ts";
import { CRDS, grantObject, GRANTS, installCrd, shippedObjects } from "./setting.ts";

const reason = whyNot() ?? whyNoHelm();
const OF_CRD = `${CRDS}/rolegrants.podrole.dev`;

describe.skipIf(reason !== undefined)(
  `the CRD and helm at a real API server${reason ? `: ${reason}` : ""}`,
  () => {
    let plane: ControlPlane;
    let folder: string;
    beforeEach(async () => {
      plane = await openControlPlane();
      folder = mkdtempSync(join(tmpdir(), "podrole-crd-"));
      writeFileSync(join(folder, "kubeconfig"), plane.adminConfig.exportConfig(), { mode: 0o600 });
    });
    afterEach(async () => {
      rmSync(folder, { recursive: true, force: true });
      await plane?.stop();
    });

    const kubeconfig = (): string => join(folder, "kubeconfig");
    const install = (...args: readonly string[]): HelmRun =>
      helm([
        "upgrade",
        "--install",
        "podrole",
        CHART,
        ...args,
        "-n",
        "podrole-system",
        "--create-namespace",
        "--kubeconfig",
        kubeconfig(),
      ]);
    /** What `podrole check` says of the CRD. */
    async function checked(): Promise<{ readonly status: string; readonly remedy?: string }> {
      const { stdout } = await podrole(["check", "--kubeconfig", kubeconfig(), "-o", "json"]);
      const { checks } = JSON.parse(stdout) as {
        checks: { code: string; status: string; remedy?: string }[];
      };
      return checks.find(({ code }) => code === "CRD") ?? { status: "none" };
    }
    const served = () =>
      until("the CRD", async () => (await plane.admin.request("GET", GRANTS)).status === 200 || undefined);
    const grant = grantObject("shop", {
      roles: ["arn:aws:iam::111122223333:role/a"],
      namespaces: ["shop"],
    });

    test("an empty cluster gets podrole by what podrole check advises, and so does one that has lost the CRD", async () => {
      const { status, remedy } = await checked();
      expect(status).toBe("fail");
      expect(remedy).toContain("helm upgrade --install");
      expect(install()).toMatchObject({ status: 0, stderr: "" });
      await served();
      expect((await checked()).status).toBe("ok");

      await plane.admin.request("DELETE", OF_CRD);
      await until(
        "its end",
        async () => (await plane.admin.request("GET", OF_CRD)).status === 404 || undefined,
      );
      expect(await checked()).toEqual(expect.objectContaining({ status: "fail", remedy }));
      expect(install()).toMatchObject({ status: 0, stderr: "" });
      await served();
      expect((await checked()).status).toBe("ok");
    });

    test("an empty cluster gets podrole by the other way that podrole check advises", async () => {
      expect((await checked()).remedy).toContain("kubectl apply --server-side -f deploy/install.yaml");
      for (const object of await shippedObjects()) await plane.admin.create(placeOf(object), object);
      await served();
      expect((await checked()).status).toBe("ok");
    });

    test("a CRD that was applied by hand is in helm's way until helm takes it over, and the grants stay", async () => {
      await installCrd(plane);
      await plane.admin.create(GRANTS, grant);
      const { status, stderr } = install();
      expect(status).not.toBe(0);
      expect(stderr).toContain("invalid ownership metadata");
      expect(install("--take-ownership")).toMatchObject({ status: 0, stderr: "" });
      expect(install()).toMatchObject({ status: 0, stderr: "" });
      expect((await plane.admin.get(GRANTS)).items).toHaveLength(1);
    });
  },
);
