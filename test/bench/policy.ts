import { readFileSync } from "node:fs";
import { parseAllDocuments } from "yaml";
import { admitPod } from "../../injector/review/admit-pod.ts";
import { openControlPlane } from "../cluster/control-plane.ts";
import type { KubeObject } from "../cluster/kube-client.ts";
import { placeOf } from "../cluster/places.ts";
import { accountsOf, NAMESPACES, podsOf } from "../cluster/setting.ts";
import { config } from "../support/config.ts";
import { BILLING, facts } from "../support/facts.ts";
import { FRESH } from "../support/pods.ts";
import { until } from "../support/until.ts";

/**
 * Measures the admission policy's time for a new pod by the API server's metric: the mean of some hundred pods, and
 * the median of rounds. Needs KUBEBUILDER_ASSETS. (The metric of single policies counts refusals only.)
 * Usage: node test/bench/policy.ts [install.yaml ...]; each file is measured separately, to compare versions.
 */

const METRIC = "apiserver_admission_controller_admission_duration_seconds";
const ROUNDS = 3;
const PODS = 200;
const ADMISSION = new Set(["ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"]);

const documents = (file: string): readonly KubeObject[] =>
  parseAllDocuments(readFileSync(file, "utf8"))
    .map((document) => document.toJS())
    .filter((object) => object !== null);

/** More settings that the policy accepts, as during a roll-out. */
const accepted = (data: Readonly<Record<string, string>>, ...images: readonly string[]): object =>
  Object.fromEntries(
    images.flatMap((image, index) =>
      Object.entries({ ...data, ...(image === "" ? {} : { image }) }).map(([name, value]) => [
        `accepted.${index}.${name}`,
        value,
      ]),
    ),
  );

const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0;

async function measure(file: string): Promise<void> {
  const plane = await openControlPlane();
  try {
    const objects = documents(file);
    const isNeeded = ({ kind, metadata }: KubeObject): boolean =>
      ADMISSION.has(kind) || (kind === "ConfigMap" && metadata.name === "podrole-config");
    await plane.admin.create(NAMESPACES, { metadata: { name: "podrole-system" } });
    for (const object of objects.filter(isNeeded)) await plane.admin.create(placeOf(object), object);
    const labels = { "podrole.dev/inject": "enabled" };
    await plane.admin.create(NAMESPACES, { metadata: { name: "shop", labels } });
    await plane.admin.create(accountsOf("shop"), { metadata: { name: "default" } });
    const create = (pod: object) => plane.admin.request("POST", `${podsOf("shop")}?dryRun=All`, pod);
    const bare = { metadata: { name: "web" }, spec: { containers: [{ name: "app", image: "a" }] } };
    await until("the policy", async () => (await create(bare)).status === 422 || undefined, 30_000);

    const spent = async (): Promise<{ readonly sum: number; readonly count: number }> => {
      const { body } = await plane.admin.request("GET", "/metrics");
      const of = (part: string): number =>
        [...String(body).matchAll(new RegExp(`^${METRIC}_${part}\\{(.*)\\} (.*)$`, "gm"))]
          .filter(([, names = ""]) => /name="ValidatingAdmissionPolicy",operation="CREATE"/.test(names))
          .reduce((total, [, , value]) => total + Number(value), 0);
      return { sum: of("sum"), count: of("count") };
    };
    const image = `podrole/sidecar:${JSON.parse(readFileSync("package.json", "utf8")).version}`;
    const pod = (containers: number): object => {
      const env = Array.from({ length: 10 }, (_, i) => ({ name: `NAME_${i}`, value: "value" }));
      const outcome = admitPod(
        {
          metadata: { name: "web", annotations: { "iam.amazonaws.com/role": BILLING } },
          spec: {
            containers: Array.from({ length: containers }, (_, i) => ({ name: `app-${i}`, image: "a", env })),
          },
        },
        facts(),
        { ...config({ image }), policy: "off" },
        FRESH,
      );
      if (outcome.kind !== "inject") throw new Error(JSON.stringify(outcome));
      return outcome.after;
    };
    const round = async (body: object): Promise<number> => {
      const before = await spent();
      for (let i = 0; i < PODS; i += 1) {
        const { status, body: answer } = await create(body);
        if (status !== 201) throw new Error(answer.message);
      }
      const after = await spent();
      return ((after.sum - before.sum) / (after.count - before.count)) * 1e6;
    };
    const settings = objects.find(
      ({ kind, metadata }) => kind === "ConfigMap" && metadata.name === "podrole-config",
    );
    const states: readonly (readonly [string, readonly string[]])[] =
      settings === undefined
        ? [["", []]]
        : [
            [", settings alone", []],
            [", as most of the time", [""]],
            [", during a roll-out", ["podrole/sidecar:old", "", "podrole/sidecar:older"]],
          ];
    for (const [state, images] of states) {
      if (settings !== undefined) {
        await plane.admin.patch(placeOf(settings) + "/podrole-config", {
          data: accepted(settings.data, ...images),
        });
      }
      for (const containers of [1, 10]) {
        const body = pod(containers);
        await round(body);
        const rounds: number[] = [];
        for (let i = 0; i < ROUNDS; i += 1) rounds.push(await round(body));
        console.log(
          `${file}: ${containers} containers${state}: ${Math.round(median(rounds))} µs (${rounds.map(Math.round).join(" ")})`,
        );
      }
    }
  } finally {
    await plane.stop();
  }
}

const files = process.argv.slice(2);
for (const file of files.length > 0 ? files : ["deploy/install.yaml"]) await measure(file);
