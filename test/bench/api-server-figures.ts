import type { ControlPlane } from "../cluster/control-plane.ts";

/** How often the API server has called a webhook, by its own counter. */
export async function callsOf({ admin }: ControlPlane, webhook: string): Promise<number> {
  const { body } = await admin.request("GET", "/metrics");
  return [...String(body).matchAll(/^apiserver_admission_webhook_request_total\{(.*)\} (.*)$/gm)]
    .filter(([, labels = ""]) => labels.includes(`name="${webhook}"`))
    .reduce((sum, [, , value]) => sum + Number(value), 0);
}

/** The bytes that etcd stores for an object. @param key below /registry, such as pods/shop/web */
export async function storedBytes({ etcd }: ControlPlane, key: string): Promise<number> {
  const response = await fetch(`${etcd}/v3/kv/range`, {
    method: "POST",
    body: JSON.stringify({ key: btoa(`/registry/${key}`) }),
  });
  const { kvs = [] } = (await response.json()) as { readonly kvs?: readonly { readonly value: string }[] };
  const [stored] = kvs;
  if (stored === undefined) throw new Error(`etcd has no /registry/${key}`);
  return Buffer.from(stored.value, "base64").length;
}
