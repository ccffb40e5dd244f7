import { describe, expect, test } from "vitest";
import { Command } from "commander";
import { installationFrom, tagOf, type Installation } from "../../../../injector/cli/live/installed.ts";
import { settingsIn, withSettings } from "../../../../injector/config/flags.ts";
import { VERSION } from "../../../../injector/model/version.ts";
import { nameOf, type Fields } from "../../../../injector/model/read.ts";
import { configFromFlags } from "../../../support/config.ts";
import { documentsIn } from "../../../support/goldens.ts";
import { readFileSync } from "node:fs";

const NAME = "Deployment podrole-system/podrole-injector";
const deployment = (args: readonly string[], image = `podrole/injector:${VERSION}`): Fields => ({
  spec: {
    template: {
      spec: {
        containers: [
          { name: "proxy", args: ["--source=node"] },
          { name: "injector", image, args },
        ],
      },
    },
  },
});

/** What a command line with these flags makes of a cluster with this Deployment. */
function installation(object: Fields | undefined, ...flags: readonly string[]): Installation {
  const command = withSettings(new Command()).exitOverride();
  command.parse([...flags], { from: "user" });
  const reading = object === undefined ? { name: NAME, why: `There is no ${NAME}` } : { name: NAME, object };
  return installationFrom(settingsIn(command.opts()))(reading);
}

describe("the options of a cluster's injector", () => {
  test("are its Deployment's arguments, those of its server passed over", () => {
    const { config, assumptions } = installation(
      deployment([
        "--tls-cert=/tls/tls.crt",
        "--tls-key",
        "/tls/tls.key",
        "--policy",
        "enforce",
        "--region=eu-west-1",
      ]),
    );
    expect(config).toMatchObject({ policy: "enforce", region: "eu-west-1", source: "web-identity" });
    expect(assumptions).toEqual([`The injector's options are those of ${NAME}.`]);
  });

  test("give way to what the command line itself sets, which is said, and not to its defaults", () => {
    const object = deployment(["--policy=enforce", "--start=now"]);
    const { config, assumptions } = installation(object, "--policy", "off");
    expect(config).toMatchObject({ policy: "off", start: "now" });
    expect(assumptions[0]).toContain("but for --policy of this command line");
  });

  test.for([
    ["there is no Deployment", undefined, `There is no ${NAME}`],
    ["it holds a value that this version does not take", deployment(["--source=magic"]), "must be one of"],
    ["its options do not go together", deployment(["--source=ambient"]), "ambientSecret"],
  ] as const)("are the command line's own where %s, which is said with the reason", ([, object, why]) => {
    const { config, assumptions } = installation(object, "--policy=off");
    expect(config).toMatchObject({ policy: "off", source: "web-identity" });
    expect(assumptions).toEqual([expect.stringContaining(why)]);
    expect(assumptions[0]).toMatch(/the options of this command line\.$/);
  });

  test("leave the base of role names open where the injector asks AWS for it", () => {
    const object = deployment(["--base-role-arn=auto"]);
    expect(installation(object)).toMatchObject({
      config: { baseRoleArn: undefined },
      assumptions: [expect.anything(), expect.stringContaining("give --base-role-arn")],
    });
    const base = "arn:aws:iam::111122223333:role/";
    expect(installation(object, "--base-role-arn", base).config.baseRoleArn).toBe(base);
    expect(installation(object, "--base-role-arn", base).assumptions).toHaveLength(1);
  });

  test("are said to be another version's where the image's tag tells so", () => {
    const { assumptions } = installation(deployment([], "registry:5000/podrole/injector:9.9.9@sha256:00"));
    expect(assumptions[1]).toContain("tagged 9.9.9");
    expect(["a/b", "a:5000/b", "a/b@sha256:00", "a/b:1", "a:5/b:v1.2@sha256:0"].map(tagOf)).toEqual([
      undefined,
      undefined,
      undefined,
      "1",
      "v1.2",
    ]);
  });

  test("are read from the Deployment that podrole ships", () => {
    const text = readFileSync(new URL("../../../../deploy/install.yaml", import.meta.url), "utf8");
    const written = text.replace(
      "            - --drain-seconds=15\n",
      (line) => `${line}            - --region=eu-west-1\n`,
    );
    const shipped = documentsIn(written).find(
      (one) => one["kind"] === "Deployment" && nameOf(one) === "podrole-injector",
    );
    expect(installation(shipped)).toEqual({
      config: configFromFlags("--region=eu-west-1"),
      assumptions: [`The injector's options are those of ${NAME}.`],
    });
  });
});
