import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { certificateAuthority, servingCertificate, validFor } from "../../injector/tls/certificates.ts";
import { ANNOTATION } from "../../sidecar/contract/annotations.ts";
import { config } from "../support/config.ts";
import { freePort } from "../support/free-port.ts";
import { startIrsa } from "../support/irsa-webhook.ts";
import { openPolicies, type PolicyRig } from "./policy-rig.ts";
import { accountsOf, allowInjector, installCrd, NAMESPACES } from "./setting.ts";
import { addInjector } from "./webhook.ts";

const WEBHOOKS = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations";
/** The label of the namespaces that a registration of EKS's webhook is for. */
const LABEL = "test-eks";
const PREFIX = "eks.amazonaws.com";
/** podrole knows it by its setting serviceAccountKey. */
const OTHER_PREFIX = "acme.com";
/** podrole does not know it. */
const UNKNOWN_PREFIX = "unknown.example";
export const ROLE = "arn:aws:iam::111122223333:role/billing-reader";

/** How EKS's webhook is registered beside podrole's. Webhook configurations are called in the order of their names. */
export interface Registration {
  readonly first: boolean;
  readonly again: "Never" | "IfNeeded";
  /** Of its annotations. */
  readonly prefix: string;
}

/** By what it knows which pods to change. */
export const WAYS = ["service account", "ConfigMap", "association"] as const;
export type Way = (typeof WAYS)[number];

const registrationsOf = (prefix: string): readonly Registration[] =>
  [true, false].flatMap((first) =>
    (["Never", "IfNeeded"] as const).map((again) => ({ first, again, prefix })),
  );
export const REGISTRATIONS = [PREFIX, OTHER_PREFIX].flatMap(registrationsOf);
export const UNKNOWN = registrationsOf(UNKNOWN_PREFIX);
const ALL = [...REGISTRATIONS, ...UNKNOWN];

const labelOf = ({ first, again, prefix }: Registration): string =>
  `${first ? "before" : "after"}-${again.toLowerCase()}-${prefix}`;
export const namespaceOf = (one: Registration, way: Way): string =>
  `${labelOf(one)}-${way}`.replaceAll(/[ .]/g, "-").toLowerCase();

/** The real webhook of EKS beside podrole's webhook and policies, once for each registration, in namespaces of their own. */
export async function openEks(program: string): Promise<PolicyRig> {
  const rig = await openPolicies();
  const { plane } = rig;
  const folder = mkdtempSync(join(tmpdir(), "podrole-eks-"));
  const closers: (() => unknown)[] = [
    () => rig.close(),
    () => rmSync(folder, { recursive: true, force: true }),
  ];
  const close = async (): Promise<void> => {
    for (const one of closers.toReversed()) await one();
  };
  try {
    await allowInjector(plane);
    await installCrd(plane);
    const policy = await rig.policyFor(config({ region: "eu-west-1" }));
    await plane.admin.create(NAMESPACES, { metadata: { name: "eks" } });
    await plane.admin.create(`${NAMESPACES}/eks/configmaps`, {
      metadata: { name: "pod-identity-webhook" },
      data: byConfigMap(),
    });
    const associations = join(folder, "associations.json");
    writeFileSync(associations, byAssociation());
    const authority = await certificateAuthority("podrole test", validFor(1, Date.now()));
    const pair = await servingCertificate(authority, ["127.0.0.1"], validFor(1, Date.now()));
    const files = { cert: join(folder, "tls.crt"), key: join(folder, "tls.key") };
    writeFileSync(files.cert, pair.cert);
    writeFileSync(files.key, pair.key, { mode: 0o600 });
    for (const prefix of [PREFIX, OTHER_PREFIX, UNKNOWN_PREFIX]) {
      const port = await freePort();
      const child = await startIrsa(
        program,
        folder,
        port,
        files,
        plane.adminConfig,
        `--annotation-prefix=${prefix}`,
        "--sts-regional-endpoint",
        "--watch-config-map",
        `--watch-container-credentials-config=${associations}`,
      );
      closers.push(() => child.kill("SIGKILL"));
      const clientConfig = { url: `https://127.0.0.1:${port}/mutate`, caBundle: btoa(authority.cert) };
      for (const one of ALL.filter((each) => each.prefix === prefix))
        await plane.admin.create(WEBHOOKS, registrationOf(one, clientConfig));
      const serviceAccountRole =
        prefix === OTHER_PREFIX ? `${prefix}/role-arn` : ANNOTATION.serviceAccountRole;
      const keys = { ...ANNOTATION, serviceAccountRole };
      const place = { name: `podrole-${prefix.replaceAll(".", "-")}`, labels: { "test-prefix": prefix } };
      const injector = await addInjector(plane, { keys }, place);
      closers.push(() => injector.close());
    }
    const namespace = async (name: string, prefix: string, labels: object, annotations: object) => {
      const own = { "podrole.dev/inject": "enabled", "test-policy": policy, "test-prefix": prefix };
      await plane.admin.create(NAMESPACES, { metadata: { name, labels: { ...own, ...labels } } });
      await plane.admin.create(accountsOf(name), { metadata: { name: "billing", annotations } });
    };
    await namespace(ALONE, PREFIX, {}, {});
    for (const one of ALL) {
      for (const way of WAYS) {
        const annotations = way === "service account" ? { [`${one.prefix}/role-arn`]: ROLE } : {};
        await namespace(namespaceOf(one, way), one.prefix, { [LABEL]: labelOf(one) }, annotations);
      }
    }
    return { ...rig, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** A namespace that podrole alone is called for. */
export const ALONE = "alone";

const allOf = (way: Way): readonly string[] => ALL.map((one) => namespaceOf(one, way));

const byConfigMap = (): object => ({
  config: JSON.stringify(
    Object.fromEntries(
      allOf("ConfigMap").map((namespace) => [
        `${namespace}/billing`,
        { RoleARN: ROLE, Audience: "sts.amazonaws.com", TokenExpiration: 86_400, UseRegionalSTS: true },
      ]),
    ),
  ),
});

/** The file in which EKS gives it the associations of the cluster. */
const byAssociation = (): string =>
  JSON.stringify({
    identities: allOf("association").map((namespace) => ({ namespace, serviceAccount: "billing" })),
  });

const registrationOf = (one: Registration, clientConfig: object): object => ({
  metadata: { name: `${one.first ? "a" : "z"}-pod-identity-webhook-${labelOf(one)}` },
  webhooks: [
    {
      name: "iam-for-pods.amazonaws.com",
      failurePolicy: "Fail",
      reinvocationPolicy: one.again,
      sideEffects: "None",
      admissionReviewVersions: ["v1beta1"],
      namespaceSelector: { matchLabels: { [LABEL]: labelOf(one) } },
      clientConfig,
      rules: [{ operations: ["CREATE"], apiGroups: [""], apiVersions: ["v1"], resources: ["pods"] }],
    },
  ],
});
