import { describe, expect, test } from "vitest";
import {
  acceptedFor,
  acceptedIn,
  changesTo,
  formOf,
  type Form,
} from "../../../injector/controller/accepted.ts";
import { SETTING_NAMES, SETTINGS } from "../../../injector/config/settings.ts";
import type { Setting } from "../../../injector/config/setting.ts";
import { VERSION } from "../../../injector/model/version.ts";

type Data = Readonly<Record<string, string>>;
const data = (over: Data = {}): Data => ({ version: VERSION, ...over });

/** The ConfigMap's data after one look of the controller. */
function looked(before: Data, isSettled = false): Data {
  const after: Record<string, string> = { ...before };
  for (const [key, value] of Object.entries(changesTo(before, acceptedFor({ data: before, isSettled })))) {
    if (value === null) delete after[key];
    else after[key] = value;
  }
  return after;
}
const guards = (all: Data): readonly (string | undefined)[] => acceptedIn(all).map((form) => form["guard"]);
const changed = (all: Data, over: Data): Data => ({ ...all, ...over });

describe("the form of pods that settings describe", () => {
  test("has all values that the admission policies compare, including defaults, and the version", () => {
    const form = formOf(data({ guard: "off", defaultRole: "arn:aws:iam::111122223333:role/a" }));
    const policy = SETTING_NAMES.filter((name) => (SETTINGS[name] as Setting).policy === true);
    const written = policy.filter((name) => name === "guard" || SETTINGS[name].default !== undefined);
    expect(new Set(Object.keys(form))).toEqual(new Set([...written, "version"]));
    expect(form).toMatchObject({ guard: "off", source: "web-identity", version: VERSION });
  });
});

describe("the accepted forms", () => {
  test("are the form of the settings from the start on", () => {
    const first = looked(data());
    expect(acceptedIn(first)).toEqual([formOf(data())]);
    expect(changesTo(first, acceptedFor({ data: first, isSettled: false }))).toEqual({});
  });

  test("keep the old form until every replica has had time, and then are only the new one", () => {
    const before = looked(data());
    const during = looked(changed(before, { guard: "off" }));
    expect(guards(during)).toEqual(["auto", "off"]);
    expect(guards(looked(during, true))).toEqual(["off"]);
  });

  test("do not change when a setting changes that policies do not compare", () => {
    const before = looked(data());
    expect(looked(changed(before, { workloads: "deny" }))).toEqual(changed(before, { workloads: "deny" }));
  });

  test("keep both when the settings change back", () => {
    const during = looked(changed(looked(data()), { guard: "off" }));
    const back = looked(changed(during, { guard: "auto" }));
    expect(guards(back)).toEqual(["auto", "off"]);
    expect(guards(looked(back, true))).toEqual(["auto"]);
  });

  test("keep the oldest and the two newest when there are more changes than places", () => {
    let all = looked(data({ image: "a" }));
    for (const image of ["b", "c", "d", "e"]) all = looked(changed(all, { image }));
    expect(acceptedIn(all).map((form) => form["image"])).toEqual(["a", "d", "e"]);
  });

  test("remove every key of a form that is no longer accepted, and change no other key", () => {
    const during = looked(changed(looked(data({ stsCa: "x" })), { mine: "kept" }));
    const { stsCa: _, ...without } = during;
    const after = looked(looked(without), true);
    expect(Object.keys(after).filter((key) => key.startsWith("accepted.1"))).toEqual([]);
    expect(Object.keys(after)).not.toContain("accepted.0.stsCa");
    expect(after["mine"]).toBe("kept");
  });

  test("are only those that the policies read, and keys beyond them are removed", () => {
    const strange = { "accepted.3.version": "1", "accepted.12.guard": "off", "accepted.x": "y" };
    const after = looked(data(strange));
    expect(Object.keys(after).filter((key) => key in strange)).toEqual([]);
    expect(acceptedIn({ ...strange, ...after })).toEqual([formOf(data())]);
  });

  test("without a version are ignored, as in the policies", () => {
    const forms: readonly Form[] = acceptedIn({ "accepted.0.guard": "off", "accepted.1.version": "1" });
    expect(forms).toEqual([{ version: "1" }]);
  });
});
