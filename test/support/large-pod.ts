/**
 * The JSON of a pod of 3 MiB, the most that an API server takes: containers with many variables, a manifest that kubectl
 * has written into an annotation, and the fields that the API server itself says who manages.
 */
const ROLE = "arn:aws:iam::111122223333:role/billing-reader";

export const LARGE_POD: string = JSON.stringify(largePod(5, 3340));

function largePod(containers: number, variables: number): object {
  const list = Array.from({ length: containers }, (_, n) => ({
    name: `app-${n}`,
    image: `registry.example/shop/app-${n}:1`,
    args: Array.from({ length: 50 }, (__, arg) => `--option-${arg}=value-${arg}`),
    env: Array.from({ length: variables }, (__, index) => ({
      name: `SETTING_NUMBER_${index}`,
      value: `https://service-${index}.shop.svc.cluster.local:8443/path?of=${n}`,
    })),
    volumeMounts: Array.from({ length: 40 }, (__, index) => ({
      name: `v${index}`,
      mountPath: `/mnt/v${index}`,
    })),
  }));
  const owned = list.map(({ name, env }): [string, object] => [
    `k:{"name":"${name}"}`,
    {
      ".": {},
      "f:name": {},
      "f:image": {},
      "f:args": {},
      "f:env": Object.fromEntries([
        [".", {}],
        ...env.map((one): [string, object] => [
          `k:{"name":"${one.name}"}`,
          { ".": {}, "f:name": {}, "f:value": {} },
        ]),
      ]),
    },
  ]);
  const fieldsV1 = {
    "f:metadata": { "f:annotations": { ".": {} } },
    "f:spec": { "f:containers": Object.fromEntries(owned) },
  };
  const metadata = { name: "web", namespace: "shop", annotations: { "iam.amazonaws.com/role": ROLE } };
  const applied = JSON.stringify({ apiVersion: "v1", kind: "Pod", metadata, spec: { containers: list } });
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      ...metadata,
      annotations: {
        ...metadata.annotations,
        // An object's annotations have at most 256 KiB together.
        "kubectl.kubernetes.io/last-applied-configuration": applied.slice(0, 250_000),
      },
      managedFields: [
        { manager: "kubectl", operation: "Update", apiVersion: "v1", fieldsType: "FieldsV1", fieldsV1 },
      ],
    },
    spec: { containers: list },
  };
}
