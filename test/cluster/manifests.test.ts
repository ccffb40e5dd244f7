import { readdirSync, readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parseAllDocuments } from "yaml";
import { openControlPlane, whyNot, type ControlPlane } from "./control-plane.ts";
import { placeOf } from "./places.ts";
import { createNamespace, installCrd, NAMESPACES, podsOf } from "./setting.ts";

const reason = whyNot();
const deploy = (path: string): URL => new URL(`../../deploy/${path}`, import.meta.url);

const FILES = ["install.yaml", ...readdirSync(deploy("examples/")).map((file) => `examples/${file}`)];

describe.skipIf(reason !== undefined)(
  `the manifests of deploy/ at a real API server${reason ? `: ${reason}` : ""}`,
  () => {
    let plane: ControlPlane;
    beforeAll(async () => {
      plane = await openControlPlane();
      await installCrd(plane);
      for (const namespace of ["shop", "podrole-system"]) {
        await createNamespace(plane.admin, namespace, { "podrole.dev/inject": "no" });
        // In a cluster, a controller creates it.
        const accounts = `${NAMESPACES}/${namespace}/serviceaccounts`;
        await plane.admin.request("POST", accounts, { metadata: { name: "default" } });
      }
    });
    afterAll(() => plane?.stop());

    test.for(FILES)("%s passes strict validation without a warning", async (file) => {
      const documents = parseAllDocuments(readFileSync(deploy(file), "utf8"));
      const objects = documents.map((document) => document.toJS()).filter((object) => object !== null);
      for (const object of objects) {
        const path = placeOf(object);
        const query = "?dryRun=All&fieldValidation=Strict";
        const { status, body, warnings } = await plane.admin.request("POST", path + query, object);
        // A dry run creates nothing, so objects that a pod refers to are missing; the test creates the namespace itself.
        const excused =
          status === 409 || (status === 403 && /serviceaccount .+ not found/.test(body.message));
        expect({ file, message: excused ? "" : (body.message ?? ""), warnings }).toEqual({
          file,
          message: "",
          warnings: [],
        });
      }
    });

    test.for(["baseline", "restricted"])("the pods of the examples pass at level %s, too", async (level) => {
      await createNamespace(plane.admin, level, {
        "podrole.dev/inject": "no",
        "pod-security.kubernetes.io/enforce": level,
      });
      const templates = FILES.filter((file) => file.startsWith("examples/"))
        .flatMap((file) => parseAllDocuments(readFileSync(deploy(file), "utf8")))
        .map((document) => document.toJS())
        .map((object) =>
          object.kind === "Pod" ? object : (object.spec?.template ?? object.spec?.jobTemplate?.spec.template),
        )
        .filter((template) => template !== undefined);
      expect(templates.length).toBeGreaterThan(5);
      for (const { spec } of templates) {
        const pod = {
          metadata: { generateName: "example-" },
          spec: { ...spec, serviceAccountName: "default" },
        };
        const { status, body } = await plane.admin.request("POST", `${podsOf(level)}?dryRun=All`, pod);
        expect({ status, message: body.message }).toEqual({ status: 201, message: undefined });
      }
    });
  },
);
