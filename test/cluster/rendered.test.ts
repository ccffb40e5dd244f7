import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parse } from "yaml";
import { CHART_VALUES, POLICY_NAMESPACES } from "../support/chart-values.ts";
import { rendered, whyNoHelm, type Manifest } from "../support/helm.ts";
import { until } from "../support/until.ts";
import { openControlPlane, whyNot, type ControlPlane } from "./control-plane.ts";
import { placeOf } from "./places.ts";
import { CRDS, NAMESPACES } from "./setting.ts";

const reason = whyNot() ?? whyNoHelm();
const FOLDER = join(process.env["KUBEBUILDER_ASSETS"] ?? "", "crds");
/** CRDs of cert-manager and of the Prometheus operator; .ci/kube-assets downloads them. */
const OTHERS: readonly Manifest[] =
  reason === undefined && existsSync(FOLDER)
    ? readdirSync(FOLDER).map((file) => parse(readFileSync(join(FOLDER, file), "utf8")))
    : [];
const OWN_KINDS = new Set(["Issuer", "Certificate", "ServiceMonitor", "PodMonitor", "PrometheusRule"]);

describe.skipIf(reason !== undefined)(
  `what the chart renders, at a real API server${reason ? `: ${reason}` : ""}`,
  () => {
    let plane: ControlPlane;
    beforeAll(async () => {
      plane = await openControlPlane();
      for (const name of ["podrole-system", ...POLICY_NAMESPACES])
        await plane.admin.create(NAMESPACES, { metadata: { name } });
      for (const crd of OTHERS) await plane.admin.create(CRDS, crd);
      for (const { spec } of OTHERS) {
        const served = spec.versions.find(({ storage }: { storage: boolean }) => storage).name;
        const path = `/apis/${spec.group}/${served}/${spec.names.plural}`;
        await until(path, async () => (await plane.admin.request("GET", path)).status === 200 || undefined);
      }
    });
    afterAll(() => plane?.stop());

    const known = new Set(OTHERS.map(({ spec }) => spec.names.kind as string));
    const isJudged = ({ kind }: Manifest): boolean => !OWN_KINDS.has(kind) || known.has(kind);

    test.for(CHART_VALUES)(
      "passes strict validation without a warning, with %s",
      async ([, values, args]) => {
        const objects = rendered(values, ...args).filter((object) => object !== null);
        expect(objects.length).toBeGreaterThan(9);
        for (const object of objects.filter(isJudged)) {
          const query = "?dryRun=All&fieldValidation=Strict";
          const { status, body, warnings } = await plane.admin.request(
            "POST",
            placeOf(object) + query,
            object,
          );
          // The namespace exists already.
          const excused = status === 409 && object.kind === "Namespace";
          const { kind, metadata } = object;
          expect({
            kind,
            name: metadata.name,
            message: excused ? "" : (body.message ?? ""),
            warnings,
          }).toEqual({
            kind,
            name: metadata.name,
            message: "",
            warnings: [],
          });
        }
      },
    );

    const missing = known.size === 0 ? ": no crds/ in KUBEBUILDER_ASSETS" : "";
    test.skipIf(missing !== "")(`includes objects of cert-manager and Prometheus${missing}`, () => {
      expect(known).toEqual(OWN_KINDS);
    });
  },
);
