import { expect, test } from "vitest";
import { ANNOTATION } from "../../../sidecar/contract/annotations.ts";
import { APP_ENV } from "../../../sidecar/contract/pod.ts";
import { admitted, app, injected, pod, TOKEN, withApp } from "../../support/pods.ts";
import { BILLING } from "../../support/facts.ts";
import { post, postObject, reviewText } from "../../support/webhook.ts";

/** A secret in every place where a manifest can contain one. */
const SECRET = "hunter2hunter2";

const full = pod(
  {
    initContainers: [{ name: `init-${SECRET}`, env: [{ name: "A", value: SECRET }] }],
    containers: [
      {
        ...app,
        image: `shop/${SECRET}:1`,
        args: [SECRET],
        env: [
          { name: "DB_PASSWORD", value: SECRET },
          { name: SECRET, value: SECRET },
          { name: APP_ENV.token, value: SECRET },
          { name: "AWS_ACCESS_KEY_ID", value: SECRET },
          { name: "AWS_SECRET_ACCESS_KEY", value: SECRET },
          { name: "HTTP_PROXY", value: `http://u:${SECRET}@proxy` },
          { name: "NO_PROXY", valueFrom: { secretKeyRef: { name: SECRET, key: SECRET } } },
        ],
      },
    ],
    volumes: [{ name: SECRET, secret: { secretName: SECRET } }],
    nodeSelector: { [SECRET]: SECRET },
  },
  {
    [ANNOTATION.role]: BILLING,
    [ANNOTATION.sessionName]: `{namespace}.${SECRET}`,
    [SECRET]: SECRET,
    "podrole.dev/x": SECRET,
  },
);

test("the log contains nothing of an admitted manifest except the pod's name", async () => {
  const { log, response } = await postObject(full);
  expect(response.allowed).toBe(true);
  expect(log).not.toContain(SECRET);
  expect(log).not.toContain(TOKEN);
  expect(JSON.parse(log)).toMatchObject({
    msg: "decided",
    uid: "review-1",
    namespace: "shop",
    operation: "CREATE",
    resource: "/pods",
    name: "web",
    decision: "inject",
    role: BILLING,
    findings: "ANNOTATION_UNKNOWN,CREDENTIALS_SHADOWED,PROXY_NOT_EXEMPT",
  });
});

test.for([
  [
    "a role that is none",
    { ...full, metadata: { name: "web", annotations: { [ANNOTATION.role]: `${SECRET} ` } } },
  ],
  ["a container with a reserved name", withApp({ name: `podrole-${SECRET}` }, full)],
  [
    "an external id",
    {
      ...full,
      metadata: {
        name: "web",
        annotations: { [ANNOTATION.role]: BILLING, [ANNOTATION.externalId]: `${SECRET}!` },
      },
    },
  ],
  [
    "a session name that could be another's",
    {
      ...full,
      metadata: {
        name: "web",
        annotations: { [ANNOTATION.role]: BILLING, [ANNOTATION.sessionName]: SECRET },
      },
    },
  ],
  [
    "a policy that is none",
    {
      ...full,
      metadata: {
        name: "web",
        annotations: { [ANNOTATION.role]: BILLING, [ANNOTATION.sessionPolicy]: SECRET },
      },
    },
  ],
  [
    "a guard of another's",
    withApp(
      {},
      {
        ...injected(pod()),
        spec: { ...injected(pod()).spec, initContainers: [{ name: "podrole-guard", image: SECRET }] },
      },
    ),
  ],
  [
    "an object that is no pod",
    { metadata: { name: "web" }, spec: { containers: [{ name: "a", env: [{ name: SECRET, value: 7 }] }] } },
  ],
] as const)("the log contains no secret of a pod that is denied for %s", async ([, object]) => {
  const { log, response } = await postObject(object);
  expect(response.allowed).toBe(false);
  expect(log).not.toContain(SECRET);
});

test("a malformed body is neither logged nor sent back", async () => {
  const { log, body, status } = await post(reviewText(`{"a":"${SECRET}",oops`));
  expect(status).toBe(400);
  expect(log + body).not.toContain(SECRET);
});

test("no finding, warning or denial repeats the value of a variable or of a secret's annotation", async () => {
  const { findings } = admitted(full);
  const texts = findings.map(({ message, remedy }) => message + remedy).join("\n");
  expect(findings.length).toBeGreaterThan(2);
  expect(texts.replaceAll(`"init-${SECRET}"`, "")).not.toContain(SECRET);
  const { response } = await postObject(full);
  expect(JSON.stringify([response.warnings, response.auditAnnotations])).not.toContain(SECRET);
});
