import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { podrole } from "../../../support/cli.ts";
import { fakeApiServer } from "../../../support/fake-api-server.ts";
import {
  injectedPod,
  largeCluster,
  namespace,
  roleGrant,
  serveObjects,
  settings,
  smallCluster,
  type Objects,
} from "../../../support/role-cluster.ts";
import { tempFile, tempFolder } from "../../../support/temp-files.ts";

const CORE = "/api/v1";
const GRANTS = "/apis/podrole.dev/v1alpha1/rolegrants";

async function rig(objects: Objects = smallCluster()) {
  const server = await fakeApiServer();
  serveObjects(server, objects);
  const file = tempFile(server.config.exportConfig());
  const run = (...args: readonly string[]) => podrole(["roles", "--kubeconfig", file, ...args]);
  const json = async (...args: readonly string[]) => {
    const ran = await run("-o", "json", ...args);
    return { ...ran, report: JSON.parse(ran.stdout) as Record<string, object[]> };
  };
  return { server, run, json };
}

const linesOf = (text: string): readonly string[] =>
  text.split("\n").map((line) => line.replaceAll(/ {2,}/g, "|"));

describe("podrole roles", () => {
  test("lists the pods with their roles, and says what stands out", async () => {
    const { run } = await rig();
    const { code, stdout, stderr } = await run("-A", "--no-sessions");
    expect(linesOf(stdout)).toEqual([
      "NAMESPACE|POD|ROLE|STATE|SESSION",
      "shop|report-28|report-writer|rule gone (ROLE_NOT_ALLOWED)|-",
      "shop|till-0|till-reader|allowed|-",
      "",
    ]);
    expect(stderr).toContain("2 pods with a role; 1 pod of handled namespaces without one; 0 pods");
    expect(stderr).toContain("1 pod has a role that the rules no longer allow.");
    expect(code).toBe(1);
  });

  test("is about the context's namespace unless -A or -n is given, and says so", async () => {
    const { run } = await rig([...smallCluster(), namespace("default")]);
    const { code, stdout, stderr } = await run();
    expect([code, stdout]).toEqual([0, ""]);
    expect(stderr).toContain("0 pods with a role in namespace default (-A: in all)");
    expect((await run("-n", "shop")).stdout).toContain("till-0");
    expect(await run("-n", "nowhere")).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/^NAMESPACE_NOT_FOUND: /),
    });
    expect(await run("-A", "-n", "shop")).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/^USAGE: /),
    });
  });

  test("reads each list once and in pages, and asks only running sidecars", async () => {
    const { server, run } = await rig(largeCluster(600));
    await run("-A", "--reach");
    const lists = server.requests.filter((one) => !one.includes("/proxy/"));
    expect(lists.toSorted()).toEqual([
      `GET ${CORE}/namespaces/podrole-system/configmaps/podrole-config`,
      `LIST ${CORE}/namespaces`,
      `LIST ${CORE}/pods`,
      `LIST ${CORE}/pods`,
      `LIST ${CORE}/pods`,
      `LIST ${CORE}/serviceaccounts`,
      `LIST ${GRANTS}`,
    ]);
  });

  test("asks each sidecar once, and none with --no-sessions", async () => {
    const { server, run } = await rig();
    const asked = () => server.requests.filter((one) => one.endsWith(":16926/proxy/metrics"));
    await run("-A", "--no-sessions");
    expect(asked()).toEqual([]);
    await run("-A");
    expect(asked().map((one) => one.split("/")[6])).toEqual(["till-0:16926", "report-28:16926"]);
  });

  test("chooses by role and by service account", async () => {
    const { json } = await rig();
    const names = async (...args: readonly string[]) =>
      (await json("-A", "--no-sessions", ...args)).report["roles"]?.map(
        (one) => (one as { name: string }).name,
      );
    expect(await names("--role", "till-*")).toEqual(["till-0"]);
    expect(await names("--role", "report-writer", "till-reader")).toEqual(["report-28", "till-0"]);
    expect(await names("--service-account", "web")).toEqual(["report-28"]);
    expect(await names("--service-account", "nobody")).toEqual([]);
  });

  test("says what was chosen, and counts nothing else", async () => {
    const { run } = await rig();
    const said = async (...args: readonly string[]) =>
      (await run("-A", "--no-sessions", ...args)).stderr.replaceAll("\n", " ");
    const byRole = await said("--role", "till-*", "x");
    expect(byRole).toContain("1 pod with a role (role till-* or x). ");
    expect(byRole).not.toContain("no longer allow");
    expect(await said("--service-account", "nobody")).toMatch(
      /^0 pods with a role \(service account nobody\); 0 pods of handled namespaces without one; 0 pods that/,
    );
    const file = join(tempFolder(), "roles.html");
    await run("-A", "--no-sessions", "--service-account", "till", "--html", file);
    const page = readFileSync(file, "utf8");
    expect(page).toContain("Only service account till");
    expect(page).not.toContain("report-28");
  });

  test("does not tell a forged role of a namespace without the label as one that was given", async () => {
    const forged = injectedPod({
      space: "wild",
      name: "forged",
      account: "web",
      role: "till-reader",
      by: "tills",
    });
    const { server, run } = await rig([...smallCluster(), namespace("wild", {}), forged]);
    const { stdout, stderr } = await run("-n", "wild");
    expect(linesOf(stdout)[1]).toBe("forged|till-reader|not labelled, role not proven|-");
    expect(stderr.replaceAll("\n", " ")).toContain("1 pod has only its own word for its role");
    expect(server.requests.filter((one) => one.includes("/proxy/"))).toEqual([]);
  });

  test("does not tell a forged role of a pod that the webhook leaves as it is as one that was given, or ask the pod", async () => {
    const pod = injectedPod({ space: "shop", name: "forged", account: "web", role: "ledger", by: "tills" });
    const forged = { ...pod, spec: { ...(pod["spec"] as object), os: { name: "windows" } } };
    const { server, run } = await rig([settings(), namespace("shop"), forged]);
    const { code, stdout, stderr } = await run("-A", "--reach", "-o", "wide");
    expect(stdout).not.toContain("ledger");
    expect(stderr.replaceAll("\n", " ")).toContain(
      "1 pod has only its own word for its role: the webhook did not make it so, and whoever makes a pod can write that. 1 pod has no guard, and can reach the node's role.",
    );
    expect(code).toBe(0);
    expect(linesOf((await run("-A", "-o", "wide")).stdout)[1]).toBe(
      "shop|forged|arn:aws:iam::111122223333:role/ledger|web|web-identity|RoleGrant tills (says the pod)|for Windows, role not proven, no guard|-",
    );
    expect(server.requests.filter((one) => one.includes("/proxy/"))).toEqual([]);
  });

  test("tells with --reach who could take a role", async () => {
    const { run } = await rig();
    expect(linesOf((await run("-A", "--no-sessions", "--reach")).stdout)).toEqual([
      "NAMESPACE|SERVICE ACCOUNTS|EFFECT|ROLES|RULE|SEEN",
      "podrole-system|-|None|-|the namespace is not labelled: podrole gives no role here|-",
      "shop|till|Allow|arn:aws:iam::111122223333:role/till-*|RoleGrant tills|1",
      "shop|web|None|-|no rule allows a role|-",
      "",
    ]);
    const { stdout } = await run("-A", "--no-sessions", "--reach", "--role", "till-reader", "-o", "csv");
    expect(stdout.split("\r\n")[1]).toBe(
      '"shop","till","web-identity","enforce","Allow","arn:aws:iam::111122223333:role/till-*","RoleGrant tills","arn:aws:iam::111122223333:role/till-reader"',
    );
  });

  test("is no answer where something other than the user's rights refuses a list", async () => {
    const { server, run } = await rig();
    server.answer(`LIST ${GRANTS}`, 403);
    expect(await run("-A", "--no-sessions")).toMatchObject({
      code: 2,
      stdout: "",
      stderr: expect.stringMatching(/^API_REFUSED: [^\n]+\n$/) as string,
    });
  });

  test("does not decide by settings that are not the cluster's", async () => {
    const { run } = await rig(smallCluster().filter((one) => one["kind"] !== "ConfigMap"));
    const { code, stdout, stderr } = await run("-A", "--no-sessions");
    expect(linesOf(stdout)[1]).toBe("shop|report-28|report-writer|not known|-");
    expect(stderr.replaceAll("\n", " ")).toContain(
      "There is no ConfigMap podrole-system/podrole-config. Give --podrole-namespace",
    );
    expect(code).toBe(0);
  });

  test("does not call a rule gone that needs the base that only the injector knows", async () => {
    const [, ...others] = smallCluster();
    const { run } = await rig([settings({ policy: "enforce", baseRoleArn: "auto" }), ...others]);
    expect((await run("-A", "--no-sessions")).stdout).not.toContain("rule gone");
    const base = ["--base-role-arn", "arn:aws:iam::111122223333:role/"];
    expect((await run("-A", "--no-sessions", ...base)).stdout).toContain("rule gone");
  });

  test("says of a RoleGrant that cannot be read that nobody knows, where it may be about the pods", async () => {
    const { run } = await rig([...smallCluster(), roleGrant("odd", { namespaces: ["shop"], role: ["x"] })]);
    expect((await run("-A", "--no-sessions")).stdout).toContain("not known");
  });
});

describe("podrole roles -f", () => {
  test("takes recorded lists for the cluster", async () => {
    const folder = tempFolder();
    mkdirSync(join(folder, "more"));
    const [config, ...others] = smallCluster();
    writeFileSync(join(folder, "a.json"), JSON.stringify({ apiVersion: "v1", kind: "List", items: others }));
    writeFileSync(join(folder, "more/b.json"), JSON.stringify(config));
    const { code, stdout, stderr } = await podrole(["roles", "-f", folder, "--reach", "-o", "wide"]);
    expect(linesOf(stdout)[2]).toBe(
      "shop|till|web-identity|enforce|Allow|arn:aws:iam::111122223333:role/till-*|RoleGrant tills|arn:aws:iam::111122223333:role/till-reader",
    );
    expect(stderr).toContain("No cluster was asked.");
    expect(code).toBe(1);
  });

  test("compares a sidecar's image with the setting alone, and says where nobody has set it", async () => {
    const objects = smallCluster().filter(({ kind }) => kind !== "ConfigMap");
    const states = async (items: Objects, ...args: readonly string[]) => {
      const file = tempFile(JSON.stringify({ apiVersion: "v1", kind: "List", items }), "a.json");
      const base = ["--base-role-arn", "arn:aws:iam::111122223333:role/"];
      const { stdout, stderr } = await podrole(["roles", "-f", file, ...base, ...args]);
      return {
        stdout,
        isSaid: stderr.replaceAll("\n", " ").includes("image of podrole's sidecar is not known"),
      };
    };
    const mine = "registry.example/mine:1";
    const unproven = { stdout: expect.stringContaining("another sidecar"), isSaid: false };
    const proven = { stdout: expect.not.stringContaining("another sidecar") };
    expect(await states(objects)).toEqual({ ...proven, isSaid: true });
    expect(await states([settings({}), ...objects])).toEqual({ ...proven, isSaid: false });
    expect(await states(objects, "--image", mine)).toEqual(unproven);
    expect(await states([settings({ image: mine }), ...objects])).toEqual(unproven);
    const file = tempFile(JSON.stringify(settings({ image: mine })), "config.json");
    expect(await states([settings({}), ...objects], "--config", file)).toEqual(unproven);
    // A ConfigMap that cannot be used sets nothing.
    expect(await states([settings({ image: mine, policy: "x" }), ...objects])).toEqual({
      ...proven,
      isSaid: true,
    });
  });

  test("leaves one namespace of the files with -n", async () => {
    const file = tempFile(
      JSON.stringify({ apiVersion: "v1", kind: "List", items: smallCluster() }),
      "a.json",
    );
    expect((await podrole(["roles", "-f", file, "-n", "mall", "--reach"])).stdout).toBe("");
    const { stdout, stderr } = await podrole(["roles", "-f", file, "-n", "shop"]);
    expect(linesOf(stdout)[2]).toBe("till-0|till-reader|allowed|-");
    expect(stderr).toContain("2 pods with a role in namespace shop");
  });

  test("tells which roles the pods of workloads would get", async () => {
    const deployment = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: till, namespace: shop}
spec: {template: {metadata: {annotations: {iam.amazonaws.com/role: till}}, spec: {containers: [{name: a}]}}}
`;
    const base = ["--base-role-arn", "arn:aws:iam::111122223333:role/"];
    const { code, stdout } = await podrole(["roles", "-f", "-", ...base], deployment);
    expect(linesOf(stdout)[1]).toBe("shop|Deployment/till|till|allowed|-");
    expect(code).toBe(0);
    const unplaced = deployment.replace(", namespace: shop", "");
    const ofMall = await podrole(["roles", "-f", "-", "-n", "mall", ...base, "-o", "wide"], unplaced);
    expect(linesOf(ofMall.stdout)[1]).toMatch(/^mall\|Deployment\/till\|.*\|allowed\|-$/);
    expect((await podrole(["roles", "-f", "-", "-n", "mall", ...base], deployment)).stdout).toBe("");
    expect((await podrole(["roles", "-f", "-"], "kind: Service")).stderr).toMatch(/^NOTHING_TO_EXPLAIN: /);
  });
});

describe("podrole roles --html", () => {
  const input = JSON.stringify({ apiVersion: "v1", kind: "List", items: smallCluster() });
  const write = (file: string, ...args: readonly string[]) =>
    podrole(["roles", "-f", "-", "--html", file, ...args], input);
  const modeOf = (file: string): string => (statSync(file).mode & 0o777).toString(8);

  test("writes for its owner alone, also in the place of a file that others may read", async () => {
    const folder = tempFolder();
    const [made, old] = [join(folder, "made.html"), join(folder, "old.html")];
    writeFileSync(old, "old", { mode: 0o644 });
    const reader = openSync(old, "r");
    expect((await write(made)).code).toBe(1);
    expect(await write(old)).toMatchObject({ code: 2, stderr: expect.stringMatching(/^FILE_EXISTS: /) });
    expect((await write(old, "--force")).code).toBe(1);
    expect([modeOf(made), modeOf(old)]).toEqual(["600", "600"]);
    expect(readFileSync(old, "utf8")).toContain("<!doctype html>");
    expect(readFileSync(reader, "utf8")).toBe("old");
    closeSync(reader);
    expect(readdirSync(folder).toSorted()).toEqual(["made.html", "old.html"]);
  });

  test("is refused beside another output", async () => {
    const file = join(tempFolder(), "roles.html");
    const refused = { code: 2, stdout: "", stderr: expect.stringMatching(/^USAGE: --html .+\n$/) };
    for (const format of ["json", "table"]) expect(await write(file, "-o", format)).toMatchObject(refused);
    expect(existsSync(file)).toBe(false);
  });

  test("follows no link, and replaces neither it nor a folder", async () => {
    const folder = tempFolder();
    const [target, link] = [join(folder, "target"), join(folder, "link")];
    writeFileSync(target, "target");
    symlinkSync(target, link);
    for (const one of [link, folder])
      expect(await write(one, "--force")).toMatchObject({
        code: 2,
        stderr: expect.stringMatching(/^FILE_UNWRITABLE: .+ \(it is a folder, a link or a device\)\./),
      });
    expect(readFileSync(target, "utf8")).toBe("target");
    expect(readdirSync(folder).toSorted()).toEqual(["link", "target"]);
  });
});

test("two roles of one pod are two rows and one pod", async () => {
  const two = injectedPod({
    space: "shop",
    name: "two",
    account: "web",
    role: "a",
    containers: { app2: "b" },
    by: "x",
  });
  const { run } = await rig([settings(), namespace("shop"), two]);
  const { stdout, stderr } = await run("-A", "--no-sessions");
  expect(linesOf(stdout).slice(1, 3)).toEqual([
    "shop|two|a|rule gone (ROLE_NOT_ALLOWED)|-",
    "shop|two (app2)|b|rule gone (ROLE_NOT_ALLOWED)|-",
  ]);
  expect(stderr).toContain("1 pod with a role;");
});
