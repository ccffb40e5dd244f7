import { describe, expect, test } from "vitest";
import { DURATIONS } from "../../../injector/controller/durations.ts";
import { bundleOf } from "../../../injector/controller/plan.ts";
import type { TlsState } from "../../../injector/tls/state.ts";
import { numbers } from "../../support/random-pods.ts";
import {
  DAY,
  NAMES,
  SHORT,
  started,
  waiting,
  newCa,
  servingBy,
  look,
  follow,
  begin,
  refused,
  type Injector,
} from "./lifetimes-rig.ts";

describe("over years of ten-second looks", () => {
  test("an API server that is a minute behind trusts every certificate that an injector serves", () => {
    const world = begin(SHORT);
    const late: (readonly string[])[] = [];
    const cas = new Set<string>();
    for (let round = 0; round < 6 * 60 * 24 * 10; round += 1) {
      world.now += SHORT.intervalMs;
      // Now and then the controller restarts, and one injector is away for some minutes.
      if (round % 5000 === 0) world.controller = started();
      look(world);
      late.push(world.bundle);
      const trusted = late.length > 6 ? late.shift() : undefined;
      if (round % 3000 < 2950) follow(world, world.injectors[0] as Injector);
      follow(world, world.injectors[1] as Injector);
      cas.add(world.state.ca?.pem ?? "");
      if (trusted && refused(world, trusted).length > 0) {
        throw new Error(`refused in round ${round}: ${JSON.stringify(world)}`);
      }
    }
    // The first and, in ten days, fourteen more: each is replaced after two thirds of a day and two minutes.
    expect(cas.size).toBe(15);
    expect(bundleOf(world.state).length).toBeLessThanOrEqual(2);
  });

  test.for([1, 2, 3, 4, 5, 6])(
    "API servers trust all injectors within a minute after anything was deleted, emptied or replaced (seed %i)",
    (seed) => {
      const next = numbers(seed);
      const pick = (most: number): number => Math.floor(next() * most);
      const world = begin(SHORT);
      for (let damage = 0; damage < 300; damage += 1) {
        world.now += pick(4 * 60 * 60 * 1000);
        const { ca, serving, next: to } = world.state;
        const damages: (() => void)[] = [
          () => (world.state = { previous: [] }),
          () => (world.bundle = []),
          () => (world.bundle = [newCa(world).pem]),
          () => (world.now += 8 * DAY),
          () => (world.now -= 8 * DAY),
          () => ca && (world.state = { ...world.state, ca: { ...ca, canSign: false } }),
          () => serving && (world.state = { ...world.state, serving: { ...serving, byCa: false } }),
          () => to && (world.state = { ...world.state, next: { ...to, notAfter: 0 } }),
          () => (world.injectors[pick(2)] = waiting()),
          () => (world.controller = started()),
          () => (world.state = { ...world.state, previous: [newCa(world)] }),
        ];
        damages[pick(damages.length)]?.();
        for (let round = 0; round < 6; round += 1) {
          world.now += SHORT.intervalMs;
          look(world);
          for (const one of world.injectors) follow(world, one);
        }
        expect({ damage, refused: refused(world) }).toEqual({ damage, refused: [] });
      }
    },
  );

  test.for([1, 2, 3, 4])(
    "API servers trust every serving injector at each moment when only the Secret is damaged (seed %i)",
    (seed) => {
      const next = numbers(seed);
      const pick = (most: number): number => Math.floor(next() * most);
      const world = begin(SHORT);
      const losses: string[] = [];
      const foreign = (): TlsState => {
        const other = newCa(world);
        const one = {
          ...servingBy(world, other),
          byCa: pick(2) === 0,
          names: [NAMES, ["other"]][pick(2)] ?? [],
        };
        return { ca: { ...other, canSign: pick(2) === 0 }, serving: one, previous: [] };
      };
      for (let damage = 0; damage < 300; damage += 1) {
        const { ca, serving, next: to } = world.state;
        const damages: (() => void)[] = [
          () => (world.state = { previous: [] }),
          () => (world.state = foreign()),
          () => (world.state = { ...world.state, next: newCa(world) }),
          () => ca && (world.state = { ca: { ...ca, canSign: false }, previous: [] }),
          () => serving && (world.state = { ...world.state, serving: { ...serving, byCa: false } }),
          () => to && (world.state = { next: to, previous: [] }),
        ];
        damages[pick(damages.length)]?.();
        // The controller may restart meanwhile. A restarted injector would wait, and would not be called.
        if (pick(2) === 0) world.controller = started();
        const isBefore = pick(2) === 0;
        const check = (before: readonly string[]): void => {
          for (const trusted of [before, world.bundle]) {
            const serves = refused(world, trusted).filter((one) => one.serving !== undefined);
            if (serves.length > 0) losses.push(`damage ${damage}: ${JSON.stringify(serves)}`);
          }
        };
        for (let turn = 0; turn < 6 + pick(60); turn += 1) {
          world.now += SHORT.intervalMs;
          if (isBefore) for (const one of world.injectors) follow(world, one);
          // After a step, a late API server still trusts what it trusted before.
          let before = world.bundle;
          look(world, () => {
            for (const one of world.injectors) follow(world, one);
            check(before);
            before = world.bundle;
          });
          for (const one of world.injectors) follow(world, one);
          check(before);
        }
      }
      expect(losses).toEqual([]);
    },
  );

  test("a clock that jumps eight days ahead and back does no harm with the usual lifetimes", () => {
    const world = begin(DURATIONS);
    for (const jump of [8 * DAY, -8 * DAY, 15 * DAY, 8 * DAY]) {
      world.now += jump;
      const { ca } = world.state;
      expect({ jump, refused: refused(world) }).toEqual({ jump, refused: [] });
      look(world);
      for (const one of world.injectors) follow(world, one);
      expect(refused(world)).toEqual([]);
      expect(world.state.ca).toEqual(ca);
    }
  });
});
