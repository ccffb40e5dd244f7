import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { installationFrom, type Installation } from "../../../../injector/cli/live/installed.ts";
import { givenSettings, type GivenSettings } from "../../../../injector/cli/input/settings.ts";
import { requireConfig, type Written } from "../../../../injector/config/read-config.ts";
import { VERSION } from "../../../../injector/model/version.ts";

const NAME = "ConfigMap podrole-system/podrole-config";

/** What a command line with these settings makes of a cluster with this ConfigMap. */
function installation(
  data: Written | undefined,
  flags: Written = {},
  file?: GivenSettings["file"],
): Installation {
  const reading =
    data === undefined ? { name: NAME, why: `There is no ${NAME}` } : { name: NAME, object: { data } };
  return installationFrom({ flags, ...(file === undefined ? {} : { file }) })(reading);
}

describe("the settings of a cluster's injector", () => {
  test("are those of its ConfigMap, what the controller writes passed over", () => {
    const data = { version: VERSION, policy: "enforce", region: "eu-west-1", "accepted.0.guard": "off" };
    expect(installation(data)).toEqual({
      config: requireConfig({ policy: "enforce", region: "eu-west-1" }),
      assumptions: [`The settings are those of ${NAME}.`],
    });
  });

  test("give way to what the command line itself sets, which is said", () => {
    const { config, assumptions } = installation({ policy: "enforce", start: "now" }, { policy: "off" });
    expect(config).toMatchObject({ policy: "off", start: "now" });
    expect(assumptions[0]).toBe(`The settings are those of ${NAME}, but for --policy of this command line.`);
  });

  test("give way to those of a file, and these to the command line's", () => {
    const file = { path: "config.yaml", written: { policy: "audit", start: "now" } };
    const { config, assumptions } = installation(
      { policy: "enforce", region: "eu-west-1" },
      { start: "wait" },
      file,
    );
    expect(config).toMatchObject({ policy: "audit", start: "wait", region: undefined });
    expect(assumptions).toEqual([
      "The settings are those of config.yaml, but for --start of this command line.",
    ]);
  });

  test.for([
    ["there is no ConfigMap", undefined, `There is no ${NAME}`],
    ["it holds a value that is bad", { source: "magic" }, "source must be one of"],
    ["its settings do not go together", { source: "ambient" }, "ambientSecret"],
    ["it is another version's, with settings of its own", { version: "9.9.9", magic: "x" }, '"9.9.9"'],
  ] as const)("are the command line's own where %s, which is said with the reason", ([, data, why]) => {
    const { config, assumptions, problem } = installation(data, { policy: "off" });
    expect(config).toMatchObject({ policy: "off", source: "web-identity" });
    expect(assumptions).toEqual([expect.stringContaining(why)]);
    expect(assumptions[0]).toMatch(/the settings of this command line\.$/);
    expect(problem).toContain(why);
  });

  test("leave the base of role names open where the injector asks AWS for it", () => {
    const data = { baseRoleArn: "auto" };
    expect(installation(data)).toMatchObject({
      config: { baseRoleArn: undefined },
      assumptions: [expect.anything(), expect.stringContaining("give --base-role-arn")],
    });
    const base = "arn:aws:iam::111122223333:role/";
    expect(installation(data, { baseRoleArn: base }).config.baseRoleArn).toBe(base);
    expect(installation(data, { baseRoleArn: base }).assumptions).toHaveLength(1);
  });

  test("are said to be another version's where they can be read all the same", () => {
    const { config, assumptions } = installation({ version: "9.9.9", guard: "off" });
    expect(config.guard).toBe("off");
    expect(assumptions[1]).toContain('for version "9.9.9" of podrole');
  });

  test("are read from the manifest that podrole ships, which has the defaults", async () => {
    const path = fileURLToPath(new URL("../../../../deploy/install.yaml", import.meta.url));
    const { flags, file } = await givenSettings({ config: path });
    expect(installation(undefined, flags, file).config).toEqual(requireConfig({}));
    expect(file?.written["version"]).toBe(VERSION);
  });
});
