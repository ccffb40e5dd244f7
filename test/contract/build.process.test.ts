import { execFileSync } from "node:child_process";
import {
  chmodSync,
  copyFileSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { BUNDLES, build } from "../../.ci/build.ts";
import { bundledIn } from "../../.ci/licenses.ts";
import { imdsStandIn } from "../../injector/cli/demo/aws/imds.ts";
import { ENV } from "../../sidecar/contract/env.ts";
import { SOURCES, type Source } from "../../sidecar/contract/session.ts";
import { certificateAuthority, validFor } from "../../injector/tls/certificates.ts";
import { runChild, type Child } from "../support/child.ts";
import { http } from "../support/http.ts";
import { sidecarPod, TOKEN, type SidecarPod } from "../support/sidecar-pod.ts";
import { SIDECAR_UID } from "../support/sidecar-uid.ts";
import { canBeMadeByAService } from "../support/service-links.ts";
import { tlsFront } from "../support/tls-front.ts";

const ROOT = new URL("../../", import.meta.url).pathname;
const dist = mkdtempSync(join(tmpdir(), "podrole-dist-"));
beforeAll(() => build(dist));
afterAll(() => rmSync(dist, { recursive: true }));

const read = (path: string): string => readFileSync(join(dist, path), "utf8");

/** The packages by their paths only, without reading licence texts. */
function packagesOf(name: string): readonly string[] {
  const { outputs } = JSON.parse(read(`${name}.meta.json`)) as {
    readonly outputs: Readonly<Record<string, { inputs: Record<string, { bytesInOutput: number }> }>>;
  };
  const inputs = Object.values(outputs).flatMap((output) => Object.entries(output.inputs));
  const packages = inputs.flatMap(([path, { bytesInOutput }]) => {
    const [, inPackage] = /.*node_modules\/(.+)/.exec(path) ?? [];
    return inPackage === undefined || bytesInOutput === 0 ? [] : [inPackage];
  });
  return [...new Set(packages.map((path) => path.split("/", path.startsWith("@") ? 2 : 1).join("/")))];
}

const WITH_PACKAGES = BUNDLES.map(({ name }) => name).filter((name) => name !== "sidecar");

describe.for(WITH_PACKAGES)("the bundle %s", (name) => {
  test("contains the licence of every package whose code it contains", () => {
    const packages = packagesOf(name);
    const text = `\n${read(`${name}/LICENSES.txt`)}`;
    expect(packages.filter((one) => !text.includes(`\n${one}@`))).toEqual([]);
    expect(packages.length).toBeGreaterThan(10);
    expect(text).toContain("TERMS AND CONDITIONS FOR USE, REPRODUCTION, AND DISTRIBUTION");
  });

  test("consists only of programs and licence texts", () => {
    const files = readdirSync(join(dist, name));
    expect(files.filter((file) => !/\.mjs$|\.LEGAL\.txt$|^LICENSES\.txt$/.test(file))).toEqual([]);
  });
});

// A bundle has other modules than the source: what is imported only when it is needed can be missing in it.
test("the bundled podrole reads settings from a file", () => {
  const file = (name: string, object: unknown): string => {
    writeFileSync(join(dist, name), JSON.stringify(object));
    return join(dist, name);
  };
  const config = file("config.yaml", {
    kind: "ConfigMap",
    metadata: { name: "podrole-config" },
    data: { image: "registry.example/podrole:from-the-file" },
  });
  const pod = file("pod.json", {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: "web" },
    spec: { containers: [{ name: "app" }] },
  });
  const output = execFileSync(
    process.execPath,
    [join(dist, "cli.mjs"), "inject", "--config", config, "-f", pod],
    {
      encoding: "utf8",
    },
  );
  expect(output).toContain("registry.example/podrole:from-the-file");
});

test("a package without a licence text or a known licence is not bundled", () => {
  const folder = join(dist, "node_modules/p");
  mkdirSync(folder, { recursive: true });
  const outputs = { out: { inputs: { "node_modules/p/index.js": { bytesInOutput: 1 } } } };
  const described = (license: string): void =>
    writeFileSync(join(folder, "package.json"), JSON.stringify({ name: "p", version: "1.0.0", license }));
  described("SEE LICENSE");
  expect(() => bundledIn(outputs, dist)).toThrow("p (SEE LICENSE) is bundled and comes without");
  described("MIT");
  expect(bundledIn(outputs, dist)).toMatchObject([{ id: "p@1.0.0", texts: [expect.stringMatching(/^MIT/)] }]);
});

test("the image of the injector contains the whole folder of each of its bundles", () => {
  const dockerfile = readFileSync(join(ROOT, "Dockerfile.injector"), "utf8");
  const copying = /^ *for program in (.+); do cp -R dist\/\$program\.mjs\* dist\/\$program \/bundle; done;/m;
  expect(copying.exec(dockerfile)?.[1]?.split(" ")).toEqual(["injector", "controller", "broker"]);
});

test.for(["Dockerfile.sidecar", "Dockerfile.injector"])(
  "the build in %s needs nothing but what is copied into it",
  (name) => {
    const [, stage = ""] = readFileSync(join(ROOT, name), "utf8").split(/^FROM .* AS build$/m);
    const copied = [...stage.matchAll(/^COPY (.+) \.\/.*$/gm)].flatMap(([, paths = ""]) => paths.split(" "));
    const [, programs = ""] = /^RUN npm run build -- (.+)$/m.exec(stage) ?? [];
    const context = mkdtempSync(join(tmpdir(), "podrole-image-"));
    onTestFinished(() => rmSync(context, { recursive: true }));
    for (const path of copied) cpSync(join(ROOT, path), join(context, path), { recursive: true });
    symlinkSync(join(ROOT, "node_modules"), join(context, "node_modules"));
    execFileSync(process.execPath, [join(context, ".ci/build.ts"), ...programs.split(" ")]);
    for (const program of programs.split(" "))
      expect(readdirSync(join(context, "dist")).join(" ")).toContain(`${program}.`);
  },
);

test("the sidecar does not change with the tools that test it: it has of package.json what it reads", () => {
  expect(read("sidecar.cjs")).not.toMatch(/devDependencies|vitest/);
  expect(read("injector.mjs")).not.toContain("vitest");
});

test("the sidecar is one program without packages", () => {
  const files = readdirSync(dist, { recursive: true }).map(String);
  expect(files.filter((file) => file.startsWith("sidecar")).sort()).toEqual([
    "sidecar.cjs",
    "sidecar.meta.json",
  ]);
  expect(packagesOf("sidecar")).toEqual([]);
});

test.for(["sidecar.cjs", "injector.mjs", "controller.mjs", "broker.mjs", "cli.mjs"])(
  "the program %s prints its version",
  (name) => {
    const version = execFileSync(process.execPath, [join(dist, name), "--version"], {
      encoding: "utf8",
    });
    expect(version).toMatch(/^\d+\.\d+\.\d+\n$/);
  },
);

test("no Service can make a variable that the sidecar's libraries or Node read", () => {
  const code = read("sidecar.cjs");
  // As a text or as a property, since a library may put the name into a table first.
  const named = [...code.matchAll(/["'`.]([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)\b/g)].map(([, name = ""]) => name);
  expect(named).toContain("AWS_REGION");
  expect(named.filter(canBeMadeByAService)).toEqual([]);

  const help = execFileSync(process.execPath, ["--help"], { encoding: "utf8" });
  const ofNode = help.slice(help.indexOf("Environment variables:")).match(/^[A-Z][A-Z0-9_]+/gm) ?? [];
  expect(ofNode).toContain("NODE_EXTRA_CA_CERTS");
  expect(ofNode.filter(canBeMadeByAService)).toEqual([]);
});

const notRoot = process.getuid?.() === 0 ? "" : " (skipped: not root)";

describe.skipIf(notRoot !== "")(`a uid without a home folder or an entry in /etc/passwd${notRoot}`, () => {
  const KEYS_OF = "arn:aws:sts::123456789012:assumed-role/node/i-0abc";

  /** The bundle, by a Node that this uid may run, with no HOME. */
  const started = (command: string, env: Readonly<Record<string, string | undefined>>): Child => {
    const as = [`--reuid=${SIDECAR_UID}`, `--regid=${SIDECAR_UID}`, "--clear-groups"];
    return runChild("setpriv", [...as, join(dist, "node"), join(dist, "sidecar.cjs"), command], {
      PATH: process.env["PATH"],
      ...env,
    });
  };

  beforeAll(() => {
    copyFileSync(process.execPath, join(dist, "node"));
    chmodSync(dist, 0o755);
  });

  /** Where the sidecar's own identity comes from, by source. */
  const IDENTITY: Readonly<Record<Source, (pod: SidecarPod) => Promise<Readonly<Record<string, string>>>>> = {
    broker: async () => ({}),
    "web-identity": async () => ({}),
    node: async ({ sts }) => {
      const imds = await imdsStandIn({ role: "node", keys: () => sts.issue(KEYS_OF, 6 * 3600) });
      onTestFinished(() => imds.close());
      return { AWS_EC2_METADATA_SERVICE_ENDPOINT: imds.url };
    },
    ambient: async ({ sts }) => {
      const { accessKeyId, secretAccessKey, sessionToken } = sts.issue(KEYS_OF, 6 * 3600);
      return {
        AWS_ACCESS_KEY_ID: accessKeyId,
        AWS_SECRET_ACCESS_KEY: secretAccessKey,
        AWS_SESSION_TOKEN: sessionToken,
      };
    },
  };

  test.for(SOURCES)("runs the sidecar with source %s, and its hook", async (source) => {
    const made = await (source === "broker"
      ? sidecarPod({}, {}, source)
      : sidecarPod({ [ENV.source]: source }));
    const { [ENV.webIdentityTokenFile]: tokenFile = "", [ENV.terminationLog]: log = "" } = made.env;
    chmodSync(join(tokenFile, ".."), 0o755);
    chmodSync(log, 0o666);
    const env = { ...made.env, ...(await IDENTITY[source](made)) };
    const serving = started("serve", env);
    const hook = started("wait", env);
    expect({ code: await hook.exited, output: serving.output() }).toMatchObject({ code: 0 });
    expect(await http(made.port, "/v1/credentials", { authorization: TOKEN })).toMatchObject({
      status: 200,
    });
    expect(serving.output()).not.toContain("ERR_SYSTEM_ERROR");
  });

  test("lets the sidecar call an STS whose certificate is of a company's CA", async () => {
    const made = await sidecarPod();
    const authority = await certificateAuthority("company", validFor(1, Date.now()));
    const endpoint = await tlsFront(made.sts.url, authority);
    const { [ENV.webIdentityTokenFile]: tokenFile = "", [ENV.terminationLog]: log = "" } = made.env;
    chmodSync(join(tokenFile, ".."), 0o755);
    chmodSync(log, 0o666);
    const env = { ...made.env, [ENV.stsEndpoint]: endpoint, [ENV.stsCa]: authority.cert };
    const serving = started("serve", env);
    const hook = started("wait", env);
    expect({ code: await hook.exited, output: serving.output() }).toMatchObject({ code: 0 });
    expect(made.sts.calls).toMatchObject([{ action: "AssumeRoleWithWebIdentity" }]);
  });

  test("runs the guard until it needs rights that the test does not have", async () => {
    const env = {
      [ENV.blockedAddresses]: "169.254.169.254",
      [ENV.podIp]: "10.0.0.7",
      [ENV.hostIp]: "10.0.0.1",
    };
    const guard = started("guard", env);
    expect({ code: await guard.exited, output: guard.output() }).toMatchObject({
      code: expect.any(Number) as number,
      output: expect.stringMatching(/^GUARD_NO_(?:CAPABILITY|PACKET_FILTER): /) as string,
    });
  });
});
