import type { Clock } from "../../sidecar/kit/clock.ts";
import { coded, CodedError } from "../../sidecar/kit/errors.ts";
import type { Log } from "../../sidecar/kit/log.ts";
import type { InjectorConfig } from "../config/installation.ts";
import {
  configFrom,
  configInvalid,
  configOtherVersion,
  otherVersion,
  type ConfigProblem,
  type ParsedConfig,
  type Written,
} from "../config/read-config.ts";
import type { Trouble } from "../model/trouble.ts";

/**
 * The delay from seeing a change to applying it. By then every API server's admission policy has the change and accepts
 * pods of the new form.
 */
const DELAY_MS = 5000;
/** Between two attempts to complete settings, for example to ask AWS for the base ARN. */
const FIRST_PAUSE_MS = 1000;
const LAST_PAUSE_MS = 60_000;

/** The settings that decisions use: the last valid ones. */
export interface ConfigInForce {
  /** @throws CodedError where there are none yet */
  current(): InjectorConfig;
  /** Why there are none yet; undefined where there are some. */
  missing(): Trouble | undefined;
  /** Why the latest settings are refused; undefined if they are in force, or will be after the delay. */
  refused(): Trouble | undefined;
  /** When the settings in force took effect, in milliseconds since the epoch. */
  takenAt(): number | undefined;
  /** Called with settings that were read, perhaps unchanged. */
  see(seen: SeenSettings): void;
  /** Called when the settings do not exist. The settings in force stay. */
  seeNone(why: CodedError): void;
}

export interface SeenSettings {
  readonly written: Written;
  /** When they were written, in milliseconds since the epoch; undefined where nobody says. */
  readonly writtenAt: number | undefined;
}

export interface ConfigDeps {
  readonly log: Log;
  readonly clock: Clock;
  /** Completes settings with values that must be read first. A rejection is tried again. */
  readonly complete: (taken: ParsedConfig) => Promise<InjectorConfig>;
  readonly signal: AbortSignal;
}

export function configInForce({ log, clock, complete, signal }: ConfigDeps): ConfigInForce {
  let current: { readonly config: InjectorConfig; readonly at: number } | undefined;
  let refused: CodedError | undefined;
  /** What was seen last, as text, and the number of changes until then. */
  let latest: string | undefined;
  let changes = 0;

  const refuse = (error: CodedError, problems: readonly ConfigProblem[] = []): void => {
    refused = error;
    const { code, message, remedy } = error;
    log.warn({ code, message, remedy, problems, kept: current !== undefined }, "settings refused");
  };

  /** @returns whether there is nothing more to do about them */
  const take = async (taken: ParsedConfig, isLatest: () => boolean): Promise<boolean> => {
    try {
      const config = await complete(taken);
      if (!isLatest()) return true;
      current = { config, at: clock.now() };
      refused = undefined;
      log.info({ image: config.image, source: config.source, guard: config.guard }, "settings applied");
      return true;
    } catch (error) {
      if (isLatest()) refuse(coded(error));
      return false;
    }
  };

  const see = async ({ written, writtenAt }: SeenSettings): Promise<void> => {
    const text = JSON.stringify(written);
    if (text === latest) return;
    latest = text;
    // Compared by number, not by text: settings that return within the delay must wait again.
    const change = ++changes;
    const isLatest = (): boolean => change === changes && !signal.aborted;
    const other = otherVersion(written);
    if (other !== undefined) return refuse(configOtherVersion(other), [other]);
    const reading = configFrom(written);
    if ("problems" in reading) return refuse(configInvalid(reading.problems), reading.problems);
    await clock.sleep(current === undefined ? startDelay(writtenAt, clock.now()) : DELAY_MS, signal);
    for (let pause = FIRST_PAUSE_MS; isLatest(); pause = Math.min(2 * pause, LAST_PAUSE_MS)) {
      if (await take(reading, isLatest)) return;
      await clock.sleep(pause, signal);
    }
  };

  const missing = (): CodedError | undefined => (current === undefined ? (refused ?? UNREAD) : undefined);

  return {
    current: () => {
      if (current === undefined) throw refused ?? UNREAD;
      return current.config;
    },
    missing: () => troubleOf(missing()),
    refused: () => troubleOf(refused),
    takenAt: () => current?.at,
    see: (seen) => void see(seen),
    seeNone: (why) => {
      if (latest === NONE) return;
      latest = NONE;
      changes += 1;
      refuse(why);
    },
  };
}

/** No settings are written so. */
const NONE = "none";
const UNREAD = new CodedError("CONFIG_UNREAD", "podrole has not read its settings yet.", {
  remedy: "Try again in a few seconds.",
});

const troubleOf = (error: CodedError | undefined): Trouble | undefined =>
  error && { code: error.code, message: [error.message, error.remedy].filter(Boolean).join(" ") };

/** A replica that starts waits only if its settings are newer than the delay. A clock that is behind costs the whole delay. */
function startDelay(writtenAt: number | undefined, now: number): number {
  const age = writtenAt === undefined ? -1 : now - writtenAt;
  return age < 0 ? DELAY_MS : Math.max(0, DELAY_MS - age);
}
