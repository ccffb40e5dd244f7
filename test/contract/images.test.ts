import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { BUNDLES } from "../../.ci/build.ts";
import manifest from "../../package.json" with { type: "json" };
import { iptablesRules } from "../../sidecar/guard/iptables/rules.ts";
import { COMMAND, SIDECAR_UIDS } from "../../sidecar/contract/pod.ts";
import { IMAGE_ENV, SIDECAR_IMAGE_ENV } from "../support/image-env.ts";
import { PODS } from "../sidecar/guard/nft/listings.ts";

const dockerfile = (name: string): string => readFileSync(new URL(`../../${name}`, import.meta.url), "utf8");
const sidecar = dockerfile("Dockerfile.sidecar");
const baseOf = (name: string): string | undefined => /^ARG NODE_IMAGE=(.*)$/m.exec(dockerfile(name))?.[1];

describe("the images", () => {
  test("give no user a uid that a pod's sidecar could get, and start without an entry for theirs", () => {
    const uids = [...sidecar.matchAll(/'\w+:x:(\d+):/g)].map(([, uid]) => Number(uid));
    expect(uids).toContain(0);
    for (const uid of uids) expect(uid < SIDECAR_UIDS.min || uid > SIDECAR_UIDS.max).toBe(true);
    const proof = sidecar.slice(sidecar.indexOf("AS proof"));
    const [, user] = /^USER (\d+):\1$/m.exec(proof) ?? [];
    expect(Number(user)).toBe(SIDECAR_UIDS.min);
    expect(proof.indexOf(`USER ${user}`)).toBeLessThan(proof.indexOf('RUN ["podrole-sidecar", "--version"]'));
  });

  test("contain the programs that the injector's commands name", () => {
    for (const [program] of Object.values(COMMAND)) expect(sidecar).toContain(`/usr/local/bin/${program}`);
  });

  test("contain the programs that the chart's Deployments start, and prove that each starts", () => {
    const folder = new URL("../../deploy/chart/templates/", import.meta.url);
    const templates = readdirSync(folder).map((name) => readFileSync(new URL(name, folder), "utf8"));
    const started = templates.flatMap((text) =>
      [...text.matchAll(/command: \[node, (\/opt\/podrole\/(\w+)\.mjs)\]/g)].map(
        ([, path = "", name = ""]) => ({ path, name }),
      ),
    );
    expect(started.map(({ name }) => name).toSorted()).toEqual(["broker", "controller"]);
    const injector = dockerfile("Dockerfile.injector");
    const copied = /for program in ([\w ]+); do cp -R dist\/\$program\.mjs/.exec(injector)?.[1]?.split(" ");
    for (const { path, name } of started) {
      expect(copied).toContain(name);
      expect(injector).toContain(`RUN ["/usr/local/bin/node", "${path}", "--version"]`);
      expect(BUNDLES.map((one) => one.name)).toContain(name);
    }
  });

  test("contain iptables' library for each match that the guard writes", () => {
    const rules = ([4, 6] as const).flatMap((version) => iptablesRules(version, PODS["open-uid"]));
    const matches = new Set(
      rules.flatMap((rule) => [...rule.matchAll(/ -m (\w+)/g)].map(([, match]) => match)),
    );
    expect(matches.size).toBeGreaterThan(2);
    for (const match of matches) expect(sidecar).toMatch(new RegExp(`\\blib(?:xt|ip6?t)_${match}\\b`));
  });

  test.for(["Dockerfile.sidecar", "Dockerfile.injector"])(
    "%s builds an image that contains only what runs",
    (name) => {
      const stages = dockerfile(name).split(/^(?=FROM )/m);
      const last = stages.at(-1) ?? "";
      expect(last).toMatch(/^FROM scratch$/m);
      expect(last).not.toMatch(/^RUN/m);
      expect(last).toMatch(/^USER (?!0|root)\d+:\d+$/m);
    },
  );

  test.for(["Dockerfile.sidecar", "Dockerfile.injector"])(
    "%s takes its base image from an argument, which names it by digest",
    (name) => {
      const bases = [...dockerfile(name).matchAll(/^FROM (?:--platform=\S+ )?(\S+)/gm)].map(
        ([, base]) => base,
      );
      expect(new Set(bases)).toEqual(new Set(["${NODE_IMAGE}", "scratch"]));
      expect(baseOf(name)).toMatch(/^node:24-[\w-]+@sha256:[0-9a-f]{64}$/);
    },
  );

  test("have the same base, so that a node pulls no second Node of another version", () => {
    expect(baseOf("Dockerfile.injector")).toBe(baseOf("Dockerfile.sidecar"));
  });

  test.for(["Dockerfile.sidecar", "Dockerfile.injector"])(
    "%s gives the layer with Node and libraries nothing that differs from release to release",
    (name) => {
      const [, stage = ""] = dockerfile(name).split(/^FROM .* AS rootfs$/m);
      const rootfs = stage.slice(0, stage.search(/^FROM /m));
      expect(rootfs).toContain("mkdir -p /rootfs/opt/podrole;");
      expect(rootfs).not.toMatch(/VERSION\b(?!_ID)|SOURCE_DATE_EPOCH|^COPY/m);
      expect(rootfs).toContain("--date=@0");
    },
  );

  test("give the programs that are measured the variables of the images", () => {
    expect(SIDECAR_IMAGE_ENV).toMatchObject({
      MALLOC_ARENA_MAX: "1",
      NODE_OPTIONS: expect.stringContaining("--max-") as string,
    });
    expect(IMAGE_ENV["NODE_OPTIONS"]).toContain("--max-");
  });

  test("are built by a script of package.json", () => {
    expect(Object.keys(manifest.scripts)).toContain("build");
  });
});
