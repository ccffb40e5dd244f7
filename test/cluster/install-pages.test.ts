import { createPublicKey, verify } from "node:crypto";
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { programIn } from "../contract/docs/commands.ts";
import { parsePage } from "../contract/docs/markdown.ts";
import { withSamples } from "../contract/docs/samples.ts";
import { commandsIn } from "../contract/docs/shell.ts";
import { textOf } from "../contract/docs/tree.ts";
import { podrole } from "../support/cli.ts";
import { executableOnPath } from "../support/executable.ts";
import { helm, whyNoHelm } from "../support/helm.ts";
import { tempFolder } from "../support/temp-files.ts";
import { openControlPlane, whyNot, type ControlPlane } from "./control-plane.ts";
import { accountsOf, NAMESPACES } from "./setting.ts";

/** The pages that lead from nothing to a pod with a role, as far as an API server without nodes and without AWS goes. */

const KUBECTL = executableOnPath("kubectl");
const reason = whyNot() ?? whyNoHelm() ?? (KUBECTL === undefined ? "there is no kubectl" : undefined);
const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const ISSUER = "https://oidc.example/cluster";
const JWKS = `${ISSUER}/openid/v1/jwks`;

const PAGES = ["eks", "kops", "k3s"].map((name) => `deploy/docs/install-on-${name}.md`);
/** These wait for pods, or read their logs: no kubelet runs any. */
const NEEDS_NODES = /^(?:kubectl .*\b(?:rollout|logs)\b|node \S+ check)/;

const commandsOf = (page: string): readonly (readonly string[])[] =>
  parsePage(page, textOf(page))
    .fences.filter(({ language }) => language === "sh")
    .flatMap(({ text }) => commandsIn(text))
    .map(({ words }) => programIn(words).map(withSamples))
    .filter(([program = ""]) => ["helm", "kubectl", "node"].includes(program))
    .filter((words) => !NEEDS_NODES.test(words.join(" ")));

interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

const openPlane = (): Promise<ControlPlane> =>
  openControlPlane(undefined, `--service-account-issuer=${ISSUER}`, `--service-account-jwks-uri=${JWKS}`);

/** Runs a command with a kubeconfig of all rights, from the root of the tree. */
async function run(plane: ControlPlane, [program = "", ...args]: readonly string[]): Promise<Ran> {
  const folder = tempFolder();
  const kubeconfig = join(folder, "config");
  writeFileSync(kubeconfig, plane.adminConfig.exportConfig());
  if (program === "helm") {
    const { status, stdout, stderr } = helm([...args, "--kubeconfig", kubeconfig]);
    return { code: status, stdout, stderr };
  }
  if (program === "node") return podrole([...args.slice(1), "--kubeconfig", kubeconfig]);
  // Files that the reader has to write.
  const words = args.map((word) => word.replace(/=(?:ID|KEY)$/, `=${kubeconfig}`));
  const { status, stdout, stderr } = spawnSync(KUBECTL ?? "", ["--kubeconfig", kubeconfig, ...words], {
    cwd: ROOT,
    encoding: "utf8",
    env: { HOME: folder },
  });
  return { code: status ?? -1, stdout, stderr };
}

describe.skipIf(reason !== undefined)(
  `the commands of Helm, kubectl and podrole at a real API server${reason ? `: ${reason}` : ""}`,
  () => {
    test.for(PAGES)("of %s do what they say", async (page) => {
      const plane = await openPlane();
      onTestFinished(() => plane.stop());
      const ran: (Ran & { readonly line: string })[] = [];
      const isInstalled = (): boolean => ran.some(({ line }) => line.startsWith("helm install"));
      for (const words of commandsOf(page)) {
        // The second Helm command is of the other way, and the namespace of the first is there.
        if (isInstalled() && (words[0] === "helm" || words.includes("namespace"))) continue;
        const line = words.join(" ");
        const done = await run(plane, words);
        ran.push({ ...done, line });
        expect({ line, code: done.code, why: done.code === 0 ? "" : done.stderr }).toMatchObject({ code: 0 });
        // A controller's.
        const accounts = accountsOf("shop");
        if (line.includes("00-namespace"))
          await plane.admin.create(accounts, { metadata: { name: "default" } });
      }
      const trust = ran.find(({ line }) => line.includes("trust-policy") && !line.includes("broker"));
      expect(JSON.stringify(JSON.parse(trust?.stdout ?? "{}"))).toContain(
        '"oidc.example/cluster:sub":"system:serviceaccount:shop:catalog"',
      );
    });
  },
);

describe.skipIf(reason !== undefined)(
  `the issuer that k3s and kops publish${reason ? `: ${reason}` : ""}`,
  () => {
    let plane: ControlPlane;
    beforeAll(async () => {
      plane = await openPlane();
      await plane.admin.create(NAMESPACES, { metadata: { name: "shop" } });
      await plane.admin.create(accountsOf("shop"), { metadata: { name: "catalog" } });
    });
    afterAll(() => plane?.stop());
    const raw = async (path: string) =>
      JSON.parse((await run(plane, ["kubectl", "get", "--raw", path])).stdout);

    test("is all that such a cluster has: podrole check says in one line that podrole is not installed", async () => {
      const { code, stdout, stderr } = await run(plane, ["node", "dist/cli.mjs", "check"]);
      expect([code, stdout]).toEqual([1, ""]);
      expect(stderr).toMatch(
        /^NOT_INSTALLED: podrole is not installed in namespace podrole-system of context .+\n$/,
      );
    });

    test("has a document and keys that fit the tokens, as AWS needs them", async () => {
      // The documents of EKS and kops also have claims_supported: the page about k3s says so.
      expect(await raw("/.well-known/openid-configuration")).toEqual({
        issuer: ISSUER,
        jwks_uri: JWKS,
        response_types_supported: ["id_token"],
        subject_types_supported: ["public"],
        id_token_signing_alg_values_supported: ["RS256"],
      });
      const token = await run(
        plane,
        "kubectl -n shop create token catalog --audience sts.amazonaws.com".split(" "),
      );
      const [head = "", body = "", signature = ""] = token.stdout.trim().split(".");
      const decoded = (part: string) => JSON.parse(Buffer.from(part, "base64url").toString());
      expect(decoded(body)).toMatchObject({
        iss: ISSUER,
        aud: ["sts.amazonaws.com"],
        sub: "system:serviceaccount:shop:catalog",
      });
      const { keys } = await raw("/openid/v1/jwks");
      const key = keys.find(({ kid }: { kid: string }) => kid === decoded(head).kid);
      expect(key).toMatchObject({ use: "sig", kty: "RSA", alg: "RS256" });
      const publicKey = createPublicKey({ key, format: "jwk" });
      const signed = Buffer.from(`${head}.${body}`);
      expect(verify("sha256", signed, publicKey, Buffer.from(signature, "base64url"))).toBe(true);
    });

    test.for([
      [ISSUER, true],
      ["https://kubernetes.default.svc", true],
      ["https://elsewhere.example", false],
    ] as const)("a token of issuer %s is accepted: %s", async ([iss, isAccepted]) => {
      const { name, uid } = (await plane.admin.get(`${accountsOf("shop")}/catalog`)).metadata;
      const seconds = Math.floor(Date.now() / 1000);
      const token = plane.signedByApiServer({
        iss,
        sub: "system:serviceaccount:shop:catalog",
        aud: [ISSUER],
        iat: seconds,
        exp: seconds + 600,
        "kubernetes.io": { namespace: "shop", serviceaccount: { name, uid } },
      });
      const path = "/apis/authentication.k8s.io/v1/tokenreviews";
      const { status } = await plane.admin.create(path, { spec: { token } });
      expect(status.authenticated ?? false).toBe(isAccepted);
    });
  },
);
