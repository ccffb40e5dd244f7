import { expect, test } from "vitest";
import { configInForce, type ConfigDeps } from "../../../injector/cluster/config-in-force.ts";
import type { Written } from "../../../injector/config/read-config.ts";
import { VERSION } from "../../../injector/model/version.ts";
import { CodedError } from "../../../sidecar/kit/errors.ts";
import { handClock } from "../../support/hand-clock.ts";
import { logLines } from "../../support/log-lines.ts";

const OLD = 0;

function rig(complete: ConfigDeps["complete"] = async ({ config }) => config) {
  const [clock, { log, lines }] = [handClock(), logLines()];
  const config = configInForce({ log, clock, complete, signal: new AbortController().signal });
  return {
    clock,
    lines,
    config,
    see: async (written: Written, writtenAt: number | undefined) => {
      config.see({ written, writtenAt });
      await clock.advance(0);
    },
  };
}

test("before settings have been read, there are none, and the error says so", () => {
  const { config } = rig();
  expect(config.missing()).toMatchObject({ code: "CONFIG_UNREAD" });
  expect(() => config.current()).toThrow("has not read its settings yet");
  expect(config.takenAt()).toBeUndefined();
});

test("a starting replica applies old settings at once", async () => {
  const { config, see, clock } = rig();
  await see({ guard: "off" }, OLD);
  expect(config.current().guard).toBe("off");
  expect([config.missing(), config.refused(), config.takenAt()]).toEqual([undefined, undefined, clock.now()]);
});

test.for([
  ["written two seconds ago", -2000, 3000],
  ["written just now", 0, 5000],
  ["written in the future, by a clock that is behind", 60_000, 5000],
  ["of unknown age", undefined, 5000],
] as const)("a starting replica waits before it applies settings %s", async ([, ago, wait]) => {
  const { config, see, clock } = rig();
  await see({ guard: "off" }, ago === undefined ? undefined : clock.now() + ago);
  await clock.advance(wait - 1);
  expect(config.missing()).toMatchObject({ code: "CONFIG_UNREAD" });
  await clock.advance(1);
  expect(config.current().guard).toBe("off");
});

test("a change takes effect five seconds after it was seen, since every API server's policy knows it by then", async () => {
  const { config, see, clock } = rig();
  await see({ guard: "block" }, OLD);
  await see({ guard: "off" }, OLD);
  await clock.advance(4999);
  expect(config.current().guard).toBe("block");
  await clock.advance(1);
  expect(config.current().guard).toBe("off");
});

test("only the last of several changes within five seconds takes effect, five seconds after it", async () => {
  const { config, see, clock } = rig();
  await see({ start: "wait" }, OLD);
  await see({ start: "now", region: "eu-west-1" }, OLD);
  await clock.advance(4000);
  await see({ start: "now", region: "eu-west-2" }, OLD);
  await clock.advance(4999);
  expect(config.current().region).toBeUndefined();
  await clock.advance(1);
  expect(config.current().region).toBe("eu-west-2");
});

test("the same settings seen again change nothing", async () => {
  const { config, see, clock, lines } = rig();
  await see({ guard: "off" }, OLD);
  const before = config.current();
  await see({ guard: "off" }, OLD);
  await clock.advance(60_000);
  expect(config.current()).toBe(before);
  expect(lines.map(({ msg }) => msg)).toEqual(["settings applied"]);
});

test("invalid settings are refused with every problem, and the last good ones stay in force", async () => {
  const { config, see, clock, lines } = rig();
  await see({ guard: "off" }, OLD);
  await see({ guard: "of", polcy: "off" }, OLD);
  await clock.advance(60_000);
  expect(config.current().guard).toBe("off");
  expect(config.missing()).toBeUndefined();
  expect(config.refused()).toEqual({
    code: "CONFIG_INVALID",
    message: '"polcy" is not a setting. Did you mean policy? guard must be one of auto, block, verify, off.',
  });
  expect(lines.at(-1)).toMatchObject({
    msg: "settings refused",
    code: "CONFIG_INVALID",
    kept: true,
    problems: [
      { code: "CONFIG_UNKNOWN_KEY", keys: ["polcy"] },
      { code: "CONFIG_BAD_VALUE", keys: ["guard"] },
    ],
  });
});

test("corrected settings are applied, and the refusal ends", async () => {
  const { config, see, clock } = rig();
  await see({ guard: "of" }, OLD);
  expect(config.missing()).toMatchObject({ code: "CONFIG_INVALID" });
  await see({ guard: "off" }, OLD);
  await clock.advance(5000);
  expect([config.current().guard, config.refused()]).toEqual(["off", undefined]);
});

test("old settings that return while newer ones wait or were refused are in force in the end", async () => {
  const { config, see, clock } = rig();
  await see({ guard: "block" }, OLD);
  await see({ guard: "off" }, OLD);
  await see({ guard: "block" }, OLD);
  await see({ guard: "of" }, OLD);
  await see({ guard: "block" }, OLD);
  await clock.advance(60_000);
  expect([config.current().guard, config.refused()]).toEqual(["block", undefined]);
});

test("settings for another version are ignored, and are the reason for having none when no others were read", async () => {
  const { config, see, clock } = rig();
  await see({ version: "9.9.9", guard: "off" }, OLD);
  expect(config.missing()).toMatchObject({
    code: "CONFIG_OTHER_VERSION",
    message: expect.stringMatching(/"9\.9\.9" of podrole, and this is .+\. Wait for the roll-out/) as string,
  });
  await see({ version: VERSION, guard: "block" }, OLD);
  await clock.advance(5000);
  await see({ version: "9.9.9", guard: "off", "a key of 9.9.9": "x" }, OLD);
  await clock.advance(60_000);
  expect(config.current().guard).toBe("block");
  expect(config.refused()).toMatchObject({ code: "CONFIG_OTHER_VERSION" });
});

test("the last good settings stay in force when the ConfigMap is deleted, and a new one is applied", async () => {
  const { config, see, clock, lines } = rig();
  const gone = new CodedError("CONFIG_MISSING", "There is no ConfigMap a/b.");
  config.seeNone(gone);
  expect(config.missing()).toMatchObject({ code: "CONFIG_MISSING" });
  await see({ guard: "off" }, OLD);
  await clock.advance(5000);
  config.seeNone(gone);
  config.seeNone(gone);
  expect([config.current().guard, config.refused()?.code]).toEqual(["off", "CONFIG_MISSING"]);
  await see({ guard: "off" }, OLD);
  await clock.advance(5000);
  expect(config.refused()).toBeUndefined();
  expect(lines.map(({ msg }) => msg)).toEqual([
    "settings refused",
    "settings applied",
    "settings refused",
    "settings applied",
  ]);
});

test("settings that cannot be completed are tried again until they can, or until other settings are seen", async () => {
  let asked = 0;
  const { config, see, clock } = rig(async ({ config: one, asksForBase }) => {
    if (!asksForBase) return one;
    asked += 1;
    if (asked < 3) throw new CodedError("BASE_ROLE_UNKNOWN", "STS is away.");
    return one;
  });
  await see({ baseRoleArn: "auto" }, OLD);
  expect(config.missing()).toMatchObject({ code: "BASE_ROLE_UNKNOWN", message: "STS is away." });
  await clock.advance(1000 + 2000);
  expect([asked, config.current().guard, config.refused()]).toEqual([3, "auto", undefined]);
  asked = -100;
  await see({ baseRoleArn: "auto", guard: "off" }, OLD);
  await clock.advance(5000 + 1000);
  await see({ guard: "off" }, OLD);
  await clock.advance(5000);
  const before = asked;
  await clock.advance(600_000);
  expect([asked, config.current().guard, config.refused()]).toEqual([before, "off", undefined]);
});

test("a secret in the wrong setting appears in no log and no answer", async () => {
  const SECRET = "wJalrXUtnFEMIK7MDENG";
  const { config, see, lines } = rig();
  await see(
    { image: `a ${SECRET}`, stsEndpoint: `https://u:${SECRET}@x`, region: SECRET, version: VERSION },
    OLD,
  );
  expect(config.refused()).toMatchObject({ code: "CONFIG_INVALID" });
  expect(JSON.stringify([lines, config.refused(), config.missing()])).not.toContain(SECRET);
});

test("settings that return within five seconds wait five seconds again", async () => {
  const { config, see, clock } = rig();
  await see({ guard: "block" }, OLD);
  await see({ guard: "off" }, OLD);
  await clock.advance(2000);
  await see({ guard: "block" }, OLD);
  await clock.advance(2000);
  await see({ guard: "off" }, OLD);
  await clock.advance(4999);
  expect(config.current().guard).toBe("block");
  await clock.advance(1);
  expect(config.current().guard).toBe("off");
});
