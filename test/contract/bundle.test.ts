import { build, type Metafile } from "esbuild";
import { describe, expect, test } from "vitest";

const bundled = (entry: string) =>
  build({
    entryPoints: [entry],
    bundle: true,
    splitting: true,
    format: "esm",
    platform: "node",
    mainFields: ["module", "main"],
    outdir: "dist",
    write: false,
    metafile: true,
  });

/** The packages that a program loads at its start, and those that it loads on demand. */
async function packagesOf(
  entry: string,
): Promise<{ readonly atStart: Set<string>; readonly later: Set<string> }> {
  const { metafile } = await bundled(entry);
  const first = Object.keys(metafile.outputs).find((path) => metafile.outputs[path]?.entryPoint === entry);
  const loaded = loadedWith(metafile, first ?? "");
  const others = Object.keys(metafile.outputs).filter((path) => !loaded.has(path));
  const atStart = packagesIn(metafile, [...loaded]);
  return { atStart, later: packagesIn(metafile, others) };
}

/** An output and everything that it imports statically. */
function loadedWith({ outputs }: Metafile, path: string, seen = new Set<string>()): Set<string> {
  if (seen.has(path)) return seen;
  seen.add(path);
  for (const { path: next, kind, external } of outputs[path]?.imports ?? [])
    if (kind === "import-statement" && external !== true) loadedWith({ inputs: {}, outputs }, next, seen);
  return seen;
}

const packagesIn = ({ outputs }: Metafile, paths: readonly string[]): Set<string> =>
  new Set(
    paths
      .flatMap((path) => Object.keys(outputs[path]?.inputs ?? {}))
      .map((input) => /.*node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(input)?.[1])
      .filter((name) => name !== undefined),
  );

const matching = (names: Set<string>, pattern: RegExp): readonly string[] =>
  [...names].filter((name) => pattern.test(name));

const AWS = /^@(?:aws-sdk|smithy)\//;
const KUBERNETES = /^@kubernetes\//;
const X509 = /^@peculiar\/|^asn1js$|^reflect-metadata$/;

describe("the injector", async () => {
  const { atStart, later } = await packagesOf("injector/main.ts");

  test("starts without the AWS SDK, which the setting baseRoleArn: auto loads", () => {
    expect(matching(atStart, AWS)).toEqual([]);
    expect(later).toContain("@aws-sdk/client-sts");
  });

  test("starts without client-node, which a kubeconfig loads", () => {
    expect(matching(atStart, KUBERNETES)).toEqual([]);
    expect(later).toContain("@kubernetes/client-node");
  });

  test("contains no code that makes certificates, which is the controller's work", async () => {
    expect(matching(new Set([...atStart, ...later]), X509)).toEqual([]);
    const controller = await packagesOf("injector/controller/main.ts");
    expect(controller.atStart).toContain("@peculiar/x509");
  });
});

describe("the broker", async () => {
  const { atStart, later } = await packagesOf("injector/broker/main.ts");

  test("contains no AWS SDK, and no framework for its one path", () => {
    const all = new Set([...atStart, ...later]);
    expect(matching(all, AWS)).toEqual([]);
    expect(matching(all, /^fastify$/)).toEqual([]);
  });

  test("starts without client-node, which a kubeconfig loads", () => {
    expect(matching(atStart, KUBERNETES)).toEqual([]);
    expect(later).toContain("@kubernetes/client-node");
  });

  test("contains no code that makes certificates, which is the controller's work", () => {
    expect(matching(new Set([...atStart, ...later]), X509)).toEqual([]);
  });
});

test("the command line loads no package before it has looked at Node's version", async () => {
  const { atStart, later } = await packagesOf("injector/cli/main.ts");
  expect([...atStart]).toEqual([]);
  expect(later).toContain("commander");
});

test("the sidecar contains no package, neither the AWS SDK nor a log's", async () => {
  const { atStart, later } = await packagesOf("sidecar/main.ts");
  expect([...atStart, ...later]).toEqual([]);
});

/** The sidecar's own files that come with a file, without those that are loaded on demand. */
async function filesWith(entry: string): Promise<readonly string[]> {
  const { metafile } = await bundled(entry);
  const first = Object.keys(metafile.outputs).find((path) => metafile.outputs[path]?.entryPoint === entry);
  return [...loadedWith(metafile, first ?? "")].flatMap((path) =>
    Object.keys(metafile.outputs[path]?.inputs ?? {}),
  );
}

describe("a sidecar that serves", () => {
  const [STS, BROKER] = [
    /^sidecar\/sts\/(?:client|form|signature|answer|xml|refusals)\.ts$/,
    /^sidecar\/sources\/broker\//,
  ];

  test("loads neither what calls STS nor what asks the broker before its source needs it", async () => {
    const files = await filesWith("sidecar/serve-main.ts");
    expect(files).toContain("sidecar/sources/broker.ts");
    expect(files.filter((file) => STS.test(file) || BROKER.test(file))).toEqual([]);
  });

  test("asks the broker without what calls STS, and calls STS without what asks the broker", async () => {
    const asking = await filesWith("sidecar/sources/broker/ask.ts");
    expect(asking).toContain("sidecar/kit/tls-post.ts");
    expect(asking.filter((file) => STS.test(file))).toEqual([]);
    const calling = await filesWith("sidecar/sts/assume-role.ts");
    expect(calling.filter((file) => STS.test(file))).toHaveLength(6);
    expect(calling.filter((file) => BROKER.test(file))).toEqual([]);
  });
});
