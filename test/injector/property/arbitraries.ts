import * as fc from "fast-check";
import type { Arbitrary } from "fast-check";
import { ANNOTATION, CONTAINER_ROLE_PREFIX } from "../../../sidecar/contract/annotations.ts";
import { APP_ENV } from "../../../sidecar/contract/pod.ts";
import { isRecord, type Fields } from "../../../injector/model/read.ts";
import { BILLING } from "../../support/facts.ts";

/** Well-formed pods with many kinds of content. Some content gets a pod denied. */

/** Keys that podrole does not know, and keys of JavaScript's own properties. */
const strangeKey = fc.oneof(
  fc.constantFrom("future", "__proto__", "constructor", "prototype", "toString", "hasOwnProperty"),
  fc.constantFrom("a/b", "~", "~1", "", "0", "length", "ä", "op", "path"),
);
const strangeValue = fc.oneof(
  fc.constantFrom<unknown>(null, "", 0, 1e21, true, [], {}, [null], "$(X)", "\ud800", "a\n\u0000"),
  fc.jsonValue({ maxDepth: 2 }),
);
const strange = fc.array(fc.tuple(strangeKey, strangeValue), { maxLength: 2 });

/** Made from JSON text, as the webhook receives objects, so that `__proto__` is an ordinary key. */
function parsed(entries: readonly (readonly [string, unknown])[]): Fields {
  const text = entries
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`);
  const object: unknown = JSON.parse(`{${text.join()}}`);
  return isRecord(object) ? object : {};
}

/** An object with these fields between unknown fields. Every optional field can be null. */
const object = (
  required: Readonly<Record<string, Arbitrary<unknown>>>,
  optional: Readonly<Record<string, Arbitrary<unknown>>> = {},
): Arbitrary<Fields> => {
  const known = fc.record(
    {
      ...required,
      ...Object.fromEntries(
        Object.entries(optional).map(([key, value]) => [key, fc.option(value, { freq: 12, nil: null })]),
      ),
    },
    { requiredKeys: Object.keys(required) },
  );
  return fc
    .tuple(strange, known, strange)
    .map(([before, fields, after]) => parsed([...before, ...Object.entries(fields), ...after]));
};

/** Chooses `usual` `many` times as often as `odd`. */
const mostly = <T>(many: number, usual: Arbitrary<T>, odd: Arbitrary<T>): Arbitrary<T> =>
  fc.oneof({ weight: many, arbitrary: usual }, { weight: 1, arbitrary: odd });

/** Few names, so that duplicates are common. */
const env = fc.array(
  object(
    {
      name: mostly(
        4,
        fc.constantFrom("A", "B", "__proto__", "HTTP_PROXY", "https_proxy", "NO_PROXY", "no_proxy"),
        fc.constantFrom("AWS_PROFILE", "AWS_WEB_IDENTITY_TOKEN_FILE", ...Object.values(APP_ENV)),
      ),
    },
    {
      value: fc.constantFrom("", "x", "127.0.0.1", "$(A)", "é"),
      valueFrom: fc.constant({ fieldRef: { fieldPath: "metadata.name" } }),
    },
  ),
  { maxLength: 5 },
);

const capabilities = object(
  {},
  {
    add: fc.array(mostly(12, fc.constantFrom("CHOWN", "NET_BIND_SERVICE"), fc.constant("cap_net_raw")), {
      maxLength: 2,
    }),
    drop: fc.array(fc.constantFrom("ALL", "NET_RAW", "CAP_NET_RAW", "MKNOD", ""), { maxLength: 3 }),
  },
);

const securityContext = object(
  {},
  {
    runAsUser: mostly(20, fc.constantFrom(0, 1000), fc.constant(64_169)),
    runAsNonRoot: fc.boolean(),
    allowPrivilegeEscalation: fc.boolean(),
    privileged: mostly(20, fc.constant(false), fc.constant(true)),
    procMount: mostly(20, fc.constant("Default"), fc.constant("Unmasked")),
    capabilities,
    seccompProfile: fc.constant({ type: "RuntimeDefault" }),
  },
);

const container = (name: string): Arbitrary<Fields> =>
  object(
    // The API server would reject these names, but only after it has called the webhook.
    { name: mostly(20, fc.constant(name), fc.constant(`${name}\n[ROLE_MALFORMED]\u2028`)) },
    {
      image: fc.constantFrom("shop/app:1", "app"),
      env,
      envFrom: fc.array(fc.constant({ secretRef: { name: "s" } }), { maxLength: 1 }),
      securityContext,
      volumeMounts: fc.array(fc.constant({ name: "v-0", mountPath: "/data" }), { maxLength: 1 }),
      restartPolicy: fc.constant("Always"),
      resources: strange.map(parsed),
    },
  );

export const containers = (prefix: string, least: number): Arbitrary<readonly Fields[]> =>
  fc
    .integer({ min: least, max: 3 })
    .chain((length) => fc.tuple(...Array.from({ length }, (_, index) => container(`${prefix}-${index}`))));

/** A pod may lack some of these containers. A container cannot both be skipped and have a role. */
const oftenNone = <T>(some: Arbitrary<T>): Arbitrary<T | undefined> =>
  mostly(2, fc.constant(undefined), some);

const ownRole = mostly(
  20,
  fc.constantFrom<string>(BILLING, BILLING.replace("reader", "writer")),
  fc.constantFrom("", "a b"),
);

/** Not combined with roles of single containers, which emulation does not support. */
const emulation = fc.record(
  {
    [ANNOTATION.role]: fc.constant<string>(BILLING),
    [ANNOTATION.imds]: mostly(12, fc.constantFrom("block", "emulate", "emulate"), fc.constant("emulated")),
    [ANNOTATION.imdsV1]: fc.constantFrom("denied", "allowed"),
  },
  { requiredKeys: [ANNOTATION.role, ANNOTATION.imds] },
);

const annotations = fc
  .tuple(
    fc.array(fc.tuple(strangeKey, fc.string({ maxLength: 5 })), { maxLength: 2 }),
    mostly<Readonly<Record<string, string | undefined>>>(
      3,
      fc.record(
        {
          [ANNOTATION.role]: mostly(
            12,
            fc.constant<string>(BILLING),
            fc.constantFrom("", "a\n", "no such role"),
          ),
          [`${CONTAINER_ROLE_PREFIX}app-0`]: ownRole,
          [`${CONTAINER_ROLE_PREFIX}app-1`]: oftenNone(ownRole),
          [`${CONTAINER_ROLE_PREFIX}init-0`]: oftenNone(ownRole),
          [ANNOTATION.skipContainers]: oftenNone(
            fc.constantFrom("app-0", "nobody", "istio-proxy,vault-agent,vault-agent-init"),
          ),
          [ANNOTATION.region]: mostly(12, fc.constant("eu-west-1"), fc.constant("here")),
          [ANNOTATION.start]: fc.constantFrom("wait", "now"),
          "kubectl.kubernetes.io/default-container": fc.constant("app-0"),
          "podrole.dev/in\nject": fc.constant(""),
          "eks.amazonaws.com/skip-containers": fc.constantFrom("", "app-0", "a,,b", "vault-agent,app-0"),
        },
        // A pod without annotations has no metadata, or metadata null.
        { requiredKeys: [ANNOTATION.role] },
      ),
      emulation,
    ),
  )
  .map(([others, known]) => parsed([...others, ...Object.entries(known)]));

/** Parsed from JSON, as the webhook receives it. */
export const pods: Arbitrary<Fields> = object(
  {
    spec: object(
      { containers: containers("app", 1) },
      {
        initContainers: containers("init", 0),
        volumes: fc.array(
          object({ name: fc.constantFrom("v-0", "v-1") }, { emptyDir: strange.map(parsed) }),
          {
            maxLength: 2,
          },
        ),
        securityContext: object({}, { runAsUser: mostly(20, fc.constant(1000), fc.constant(64_169)) }),
        hostPID: mostly(20, fc.constant(false), fc.constant(true)),
        hostNetwork: mostly(30, fc.constant(false), fc.constant(true)),
        shareProcessNamespace: mostly(20, fc.constant(false), fc.constant(true)),
        nodeSelector: fc.constant({ disk: "ssd" }),
        serviceAccountName: fc.constantFrom("", "default", "biller"),
      },
    ),
  },
  {
    apiVersion: fc.constant("v1"),
    kind: fc.constant("Pod"),
    metadata: object({}, { name: fc.constant("web"), annotations, labels: fc.constant({ app: "web" }) }),
    status: fc.constantFrom({}, { phase: "Succeeded" }),
  },
);
