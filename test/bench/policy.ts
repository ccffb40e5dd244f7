import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { parseAllDocuments } from "yaml";
import type { admitPod } from "../../injector/review/admit-pod.ts";
import { openControlPlane, type ControlPlane } from "../cluster/control-plane.ts";
import type { KubeObject } from "../cluster/kube-client.ts";
import { placeOf } from "../cluster/places.ts";
import { accountsOf, NAMESPACES, podsOf } from "../cluster/setting.ts";
import type { config } from "../support/config.ts";
import { BILLING, type facts } from "../support/facts.ts";
import { FRESH } from "../support/pods.ts";
import { until } from "../support/until.ts";

/**
 * Measures the admission policies' time for a new pod by the API server's metric: the mean of some hundred pods, and the
 * median of rounds. Needs KUBEBUILDER_ASSETS. (The metric of single policies counts refusals only.)
 * Usage: node test/bench/policy.ts [FOLDER ...]; each is a checkout of podrole, whose injector makes the pods for its
 * policies. Rounds alternate between the checkouts, and each is compared with the first.
 */

const METRIC = "apiserver_admission_controller_admission_duration_seconds";
const ROUNDS = Number(process.env["ROUNDS"] ?? 5);
const PODS = Number(process.env["PODS"] ?? 200);
const POLICIES = new Set(["ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"]);
const CONTAINERS = [1, 10, 100];

/** The settings in the ConfigMap alone, or with more installations that the policy accepts, as the controller keeps them. */
const STATES: readonly (readonly [string, readonly string[]])[] = [
  ["settings alone", []],
  ["as most of the time", [""]],
  ["during a roll-out", ["podrole/sidecar:old", "", "podrole/sidecar:older"]],
];

/** The policies of one checkout at an API server of their own. */
interface Subject {
  readonly folder: string;
  readonly plane: ControlPlane;
  /** Uses the settings and these further images. */
  readonly accept: (images: readonly string[]) => Promise<unknown>;
  /** A pod as the checkout's injector makes it. */
  readonly pod: (containers: number) => KubeObject;
}

/** `newToken` of older versions was a function. */
const anyFresh = Object.assign(FRESH.token, FRESH);

const create = ({ plane }: Subject, pod: object) =>
  plane.admin.request("POST", `${podsOf("shop")}?dryRun=All`, pod);

async function open(folder: string): Promise<Subject> {
  const plane = await openControlPlane();
  const { admin } = plane;
  const at = (path: string): string => join(resolve(folder), path);
  const its = async <T>(path: string): Promise<T> => (await import(pathToFileURL(at(path)).href)) as T;
  const injector = await its<{ readonly admitPod: typeof admitPod }>("injector/review/admit-pod.ts");
  const defaults = await its<{ readonly config: typeof config }>("test/support/config.ts");
  const cluster = await its<{ readonly facts: typeof facts }>("test/support/facts.ts");
  const objects: readonly KubeObject[] = parseAllDocuments(readFileSync(at("deploy/install.yaml"), "utf8"))
    .map((document) => document.toJS())
    .filter((object) => object !== null);
  const settings = objects.find(
    ({ kind, metadata }) => kind === "ConfigMap" && metadata.name === "podrole-config",
  );
  await admin.create(NAMESPACES, { metadata: { name: "podrole-system" } });
  for (const object of [settings, ...objects.filter(({ kind }) => POLICIES.has(kind))]) {
    await admin.create(placeOf(object), object);
  }
  await admin.create(NAMESPACES, { metadata: { name: "shop", labels: { "podrole.dev/inject": "enabled" } } });
  await admin.create(accountsOf("shop"), { metadata: { name: "default" } });

  const accept = (images: readonly string[]): Promise<unknown> => {
    const more = images.flatMap((image, index) =>
      Object.entries({ ...settings.data, ...(image === "" ? {} : { image }) }).map(([name, value]) => [
        `accepted.${index}.${name}`,
        value,
      ]),
    );
    return admin.patch(`${placeOf(settings)}/podrole-config`, { data: Object.fromEntries(more) });
  };
  const pod = (containers: number): KubeObject => {
    const env = Array.from({ length: 10 }, (_, i) => ({ name: `NAME_${i}`, value: "value" }));
    const one = {
      image: "a",
      env,
      ports: [{ containerPort: 80 }],
      readinessProbe: { httpGet: { port: 80 } },
      securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ["ALL"], add: ["CHOWN"] } },
    };
    const outcome = injector.admitPod(
      {
        metadata: { name: "web", annotations: { "iam.amazonaws.com/role": BILLING } },
        spec: { containers: Array.from({ length: containers }, (_, i) => ({ name: `app-${i}`, ...one })) },
      },
      cluster.facts(),
      { ...defaults.config({ image: settings.data["image"] }), policy: "off" },
      anyFresh,
    );
    if (outcome.kind !== "inject") throw new Error(JSON.stringify(outcome));
    return outcome.after;
  };
  const subject = { folder, plane, accept, pod };
  const bare = { metadata: { name: "web" }, spec: { containers: [{ name: "app", image: "a" }] } };
  await until("the policy", async () => (await create(subject, bare)).status === 422 || undefined, 30_000);
  return subject;
}

/** Time and count of the policies' answers so far, in seconds. */
async function spent({ plane }: Subject): Promise<{ readonly sum: number; readonly count: number }> {
  const { body } = await plane.admin.request("GET", "/metrics");
  const of = (part: string): number =>
    [...String(body).matchAll(new RegExp(`^${METRIC}_${part}\\{(.*)\\} (.*)$`, "gm"))]
      .filter(([, names = ""]) => /name="ValidatingAdmissionPolicy",operation="CREATE"/.test(names))
      .reduce((total, [, , value]) => total + Number(value), 0);
  return { sum: of("sum"), count: of("count") };
}

/** The mean for one pod, in microseconds. */
async function round(subject: Subject, pod: object): Promise<number> {
  const before = await spent(subject);
  for (let i = 0; i < PODS; i += 1) {
    const { status, body } = await create(subject, pod);
    if (status !== 201) throw new Error(body.message);
  }
  const after = await spent(subject);
  return ((after.sum - before.sum) / (after.count - before.count)) * 1e6;
}

const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0;

async function compare(subjects: readonly Subject[]): Promise<void> {
  for (const [state, images] of STATES) {
    for (const subject of subjects) await subject.accept(images);
    for (const containers of CONTAINERS) {
      const times = subjects.map((): number[] => []);
      for (let i = 0; i <= ROUNDS; i += 1) {
        for (const [index, subject] of subjects.entries()) {
          const time = await round(subject, subject.pod(containers));
          // The first round warms up.
          if (i > 0) times[index]?.push(time);
        }
      }
      const medians = times.map(median);
      for (const [index, { folder }] of subjects.entries()) {
        const time = medians[index] ?? 0;
        const ratio = index === 0 ? "" : `, ${(time / (medians[0] ?? 0)).toFixed(2)} of the first`;
        const all = times[index]?.map(Math.round).join(" ");
        console.log(`${containers} containers, ${state}: ${Math.round(time)} µs (${all})${ratio}: ${folder}`);
      }
    }
  }
}

const subjects: Subject[] = [];
try {
  for (const folder of process.argv.length > 2 ? process.argv.slice(2) : ["."]) {
    subjects.push(await open(folder));
  }
  await compare(subjects);
} finally {
  await Promise.all(subjects.map(({ plane }) => plane.stop()));
}
