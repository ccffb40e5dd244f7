import type { Clock } from "../../sidecar/kit/clock.ts";
import { coded, CodedError } from "../../sidecar/kit/errors.ts";
import type { Log } from "../../sidecar/kit/log.ts";
import type { InjectorConfig } from "../config/installation.ts";
import {
  configFrom,
  configInvalid,
  otherVersion,
  type ConfigProblem,
  type TakenConfig,
  type Written,
} from "../config/read-config.ts";
import type { Trouble } from "../model/trouble.ts";

/**
 * A change takes effect so long after it was seen: by then every API server's admission policy knows it, and refuses no pod
 * of the new form.
 */
const DELAY_MS = 5000;
/** Between two tries to complete settings, such as to ask AWS for the base of role names. */
const FIRST_PAUSE_MS = 1000;
const LAST_PAUSE_MS = 60_000;

/** The settings that reviews are decided by: the last good ones that were seen. */
export interface ConfigInForce {
  /** @throws CodedError where there are none yet */
  current(): InjectorConfig;
  /** Why there are none yet; undefined where there are some. */
  missing(): Trouble | undefined;
  /** Why the settings that were seen last are not in force; undefined where they are, or soon will be. */
  refused(): Trouble | undefined;
  /** When the settings in force were taken, in milliseconds since the epoch. */
  takenAt(): number | undefined;
  /** Settings have been read, perhaps the same again. */
  see(seen: SeenSettings): void;
  /** They are not there. What is in force stays. */
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
  /** Completes settings by what has to be read first. It is tried again where it rejects. */
  readonly complete: (taken: TakenConfig) => Promise<InjectorConfig>;
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
  const take = async (taken: TakenConfig, isLatest: () => boolean): Promise<boolean> => {
    try {
      const config = await complete(taken);
      if (!isLatest()) return true;
      current = { config, at: clock.now() };
      refused = undefined;
      log.info({ image: config.image, source: config.source, guard: config.guard }, "settings taken");
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
    // By its number: settings that come back within the delay are to wait anew.
    const change = ++changes;
    const isLatest = (): boolean => change === changes && !signal.aborted;
    const other = otherVersion(written);
    if (other !== undefined) return refuse(new CodedError(other.code, other.message, WAIT), [other]);
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
const WAIT = { remedy: "Wait for the roll-out, or deploy the version that the settings are for." };
const UNREAD = new CodedError("CONFIG_UNREAD", "The settings have not been read yet.", {
  remedy: "Try again in some seconds.",
});

const troubleOf = (error: CodedError | undefined): Trouble | undefined =>
  error && { code: error.code, message: [error.message, error.remedy].filter(Boolean).join(" ") };

/** A replica that starts waits only where its settings are so new. A clock that is behind costs the whole wait. */
function startDelay(writtenAt: number | undefined, now: number): number {
  const age = writtenAt === undefined ? -1 : now - writtenAt;
  return age < 0 ? DELAY_MS : Math.max(0, DELAY_MS - age);
}
