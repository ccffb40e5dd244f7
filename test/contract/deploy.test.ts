import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { admitPod } from "../../injector/review/admit-pod.ts";
import { strayAnnotations } from "../support/stray-annotations.ts";
import { annotationsByKey, type On } from "../../injector/model/annotations.ts";
import { manifestCluster } from "../../injector/cluster/manifest-cluster.ts";
import { parseGrant } from "../../injector/model/grant.ts";
import {
  fieldsIn,
  isRecord,
  own,
  recordsIn,
  stringMap,
  strings,
  type Fields,
} from "../../injector/model/read.ts";
import { TLS_TROUBLES } from "../../injector/tls/trouble.ts";
import { random } from "../../injector/mutate/fresh.ts";
import { config } from "../support/config.ts";
import { ACCOUNT, base, role } from "../support/facts.ts";
import { documentsIn } from "../support/goldens.ts";

const at = (path: string): URL => new URL(`../../deploy/${path}`, import.meta.url);
const EXAMPLES = readdirSync(at("examples/"))
  .filter((file) => file.endsWith(".yaml"))
  .map((file) => ({ file, documents: documentsIn(readFileSync(at(`examples/${file}`), "utf8")) }));
/** The clients that `npm run test:sdk` runs, with their versions. */
const TRIED = readFileSync(new URL("../sdk/requirements.txt", import.meta.url), "utf8").split("\n");
const ALL = EXAMPLES.flatMap(({ documents }) => documents);

const inside = (object: unknown, ...path: readonly string[]): unknown =>
  path.reduce((value, key) => (isRecord(value) ? own(value, key) : undefined), object);

/** The pod of an object: the object itself, or its template. */
function podOf(object: Fields): Fields | undefined {
  const places = [
    ["spec", "template"],
    ["spec", "jobTemplate", "spec", "template"],
  ];
  const template = places.map((path) => inside(object, ...path)).find((found) => isRecord(found));
  return own(object, "kind") === "Pod" ? object : isRecord(template) ? template : undefined;
}

describe.for(EXAMPLES.map((one) => [one.file, one.documents] as const))(
  "deploy/examples/%s",
  ([, documents]) => {
    test("has only annotations that podrole reads on that kind of object", () => {
      for (const object of documents) {
        const kind = String(own(object, "kind"));
        const annotations = stringMap(inside(object, "metadata", "annotations"));
        const on = [...annotationsByKey().values()].find((spec) => spec.on === kind)?.on;
        const known: readonly On[] = on === undefined ? [] : [on];
        expect(known.flatMap((one) => strayAnnotations(one, annotations))).toEqual([]);
        expect(strayAnnotations("Pod", stringMap(inside(podOf(object), "metadata", "annotations")))).toEqual(
          [],
        );
      }
    });

    test("pins its images, asks for resources, and prints who it is for AWS", () => {
      for (const pod of documents.map(podOf).filter((found) => found !== undefined)) {
        const containers = ["initContainers", "containers"].flatMap((list) =>
          recordsIn(fieldsIn(pod, "spec"), list),
        );
        for (const container of containers) {
          expect(own(container, "image")).toMatch(/:\d+\.\d+\.\d+[\w.-]*$/);
          expect(inside(container, "resources", "requests")).toMatchObject({
            cpu: expect.stringMatching(/^\d/) as string,
            memory: expect.stringMatching(/^\d/) as string,
          });
        }
        const scripts = containers.flatMap((one) => strings(own(one, "args")));
        const clients = scripts.flatMap((text) => [...text.matchAll(/\b\w+==[\d.]+/g)].map(([pin]) => pin));
        expect(TRIED).toEqual(expect.arrayContaining(clients));
        const asks = scripts.some((text) => text.includes("aws sts get-caller-identity"));
        expect(asks).toBe(inside(pod, "spec", "serviceAccountName") !== "static-site");
      }
    });

    test("is admitted together with the other examples without a warning", async () => {
      const cluster = manifestCluster(ALL, { labels: {}, annotations: {} });
      const settings = config({ baseRoleArn: base(ACCOUNT), hubRole: role(`${ACCOUNT}podrole-hub`) });
      for (const pod of documents.map(podOf).filter((found) => found !== undefined)) {
        const account = inside(pod, "spec", "serviceAccountName");
        const facts = await cluster.facts("shop", typeof account === "string" ? account : "default");
        expect(admitPod(pod, facts, settings, random)).toMatchObject({
          kind: "inject",
          guard: "block",
          findings: [],
        });
      }
    });
  },
);

test("the page about certificates explains every certificate error", () => {
  const page = readFileSync(at("docs/certificates.md"), "utf8");
  const explained = page.split("\n").filter((line) => line.startsWith("| `TLS_"));
  expect(TLS_TROUBLES.filter((code) => !explained.some((line) => line.includes(`\`${code}\``)))).toEqual([]);
});

describe("the RoleGrant CRD", () => {
  const [crd] = documentsIn(readFileSync(at("crd/rolegrants.yaml"), "utf8"));
  const versions = inside(crd, "spec", "versions");
  const [version] = Array.isArray(versions) ? (versions as unknown[]) : [];
  const spec = inside(version, "schema", "openAPIV3Schema", "properties", "spec", "properties");

  test("has the group, version and kind that the injector reads", () => {
    expect([
      inside(crd, "spec", "group"),
      inside(version, "name"),
      inside(crd, "spec", "names", "kind"),
    ]).toEqual(["podrole.dev", "v1alpha1", "RoleGrant"]);
  });

  test("has exactly the fields that parseGrant reads", () => {
    const example = {
      effect: "Allow",
      roles: [],
      namespaces: [],
      namespaceSelector: {},
      serviceAccounts: [],
      default: `${ACCOUNT}a`,
      sessionNames: [],
    };
    expect(Object.keys(isRecord(spec) ? spec : {}).toSorted()).toEqual(Object.keys(example).toSorted());
    expect(parseGrant({ metadata: { name: "g" }, spec: example })).toMatchObject({
      name: "g",
      default: `${ACCOUNT}a`,
    });
  });
});
