import { writeFile } from "node:fs/promises";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { findAccess, namespaceOf } from "../../../injector/cluster/access.ts";
import { apiServer } from "../../../injector/cluster/api-server.ts";
import { certificateAuthority, servingCertificate, validFor } from "../../../injector/tls/certificates.ts";
import { tempFolder } from "../../support/temp-files.ts";

const IN_CLUSTER = { KUBERNETES_SERVICE_HOST: "127.0.0.1", KUBERNETES_SERVICE_PORT: "6443" };

async function folder(files: Readonly<Record<string, string>>): Promise<string> {
  const path = tempFolder();
  await Promise.all(Object.entries(files).map(([name, text]) => writeFile(join(path, name), text)));
  return path;
}

const serviceAccount = (token = "first\n", ca = "CA"): Promise<string> =>
  folder({ token, "ca.crt": ca, namespace: "podrole-system" });

const kubeconfig = JSON.stringify({
  clusters: [{ name: "c", cluster: { server: "https://elsewhere.example:6443" } }],
  users: [{ name: "u", user: { token: "t" } }],
  contexts: [{ name: "c", context: { cluster: "c", user: "u", namespace: "shop" } }],
  "current-context": "c",
});

describe("in a pod", () => {
  test("the service account provides address, namespace, CA and token", async () => {
    const access = await findAccess(undefined, IN_CLUSTER, await serviceAccount());
    expect(access.getCurrentCluster()).toEqual({ server: "https://127.0.0.1:6443" });
    expect(namespaceOf(access)).toBe("podrole-system");
    const options = { headers: { accept: "application/json" } };
    await access.applyToHTTPSOptions(options);
    expect(options).toEqual({
      ca: "CA",
      headers: { accept: "application/json", authorization: "Bearer first" },
    });
  });

  test("an IPv6 address is written in brackets", async () => {
    const env = { ...IN_CLUSTER, KUBERNETES_SERVICE_HOST: "fd00::1" };
    const access = await findAccess(undefined, env, await serviceAccount());
    expect(access.getCurrentCluster()?.server).toBe("https://[fd00::1]:6443");
  });

  test("a request uses the token and the CA that the kubelet wrote last", async () => {
    const now = Date.now();
    const [old, fresh] = await Promise.all(
      ["old", "fresh"].map((name) => certificateAuthority(name, validFor(1, now))),
    );
    if (old === undefined || fresh === undefined) throw new Error("no CAs");
    const seen: (string | undefined)[] = [];
    const server = createServer(
      await servingCertificate(fresh, ["127.0.0.1"], validFor(1, now)),
      (request, response) => {
        seen.push(request.headers.authorization);
        response.end("{}");
      },
    );
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const directory = await serviceAccount("first", old.cert);
    const port = String((server.address() as AddressInfo).port);
    const api = apiServer(
      await findAccess(undefined, { ...IN_CLUSTER, KUBERNETES_SERVICE_PORT: port }, directory),
    );
    onTestFinished(() => {
      api.close();
      server.close();
    });
    const get = (): Promise<unknown> => api.get("/x", 5000, new AbortController().signal);
    await expect(get()).rejects.toThrow(/certificate/);
    await writeFile(join(directory, "ca.crt"), fresh.cert);
    await get();
    await writeFile(join(directory, "token"), "second");
    await get();
    expect(seen).toEqual(["Bearer first", "Bearer second"]);
  });
});

describe("a kubeconfig", () => {
  test("that is named by a flag takes precedence over the pod's service account", async () => {
    const file = join(await folder({ config: kubeconfig }), "config");
    const access = await findAccess(file, IN_CLUSTER, await serviceAccount());
    expect(access.getCurrentCluster()?.server).toBe("https://elsewhere.example:6443");
    expect(namespaceOf(access)).toBe("shop");
  });

  test("that KUBECONFIG names takes precedence over the pod's service account", async () => {
    const file = join(await folder({ config: kubeconfig }), "config");
    process.env["KUBECONFIG"] = file;
    onTestFinished(() => void delete process.env["KUBECONFIG"]);
    const access = await findAccess(undefined, { ...IN_CLUSTER, KUBECONFIG: file }, await serviceAccount());
    expect(access.getCurrentCluster()?.server).toBe("https://elsewhere.example:6443");
  });

  test("is used outside of a pod, where there is no token", async () => {
    const file = join(await folder({ config: kubeconfig }), "config");
    process.env["KUBECONFIG"] = file;
    onTestFinished(() => void delete process.env["KUBECONFIG"]);
    const access = await findAccess(undefined, IN_CLUSTER, await folder({}));
    expect(access.getCurrentCluster()?.server).toBe("https://elsewhere.example:6443");
  });

  test("that cannot be read is an error", async () => {
    await expect(findAccess("/nonexistent/config", IN_CLUSTER, await serviceAccount())).rejects.toThrow(
      /ENOENT/,
    );
  });
});
