import type { Clock } from "../../sidecar/kit/clock.ts";
import type { Log } from "../../sidecar/kit/log.ts";
import type { ApiServer } from "../cluster/api-server.ts";
import type { Trouble } from "../model/trouble.ts";
import type { KeyPair } from "./certificates.ts";
import { followFiles, readPair } from "./files.ts";
import { secretFollower } from "./follow-secret.ts";
import { serviceNames, type ServingOptions } from "./options.ts";
import { served } from "./served.ts";

export interface TlsDeps {
  readonly api: Pick<ApiServer, "get">;
  /** In which the program runs. */
  readonly namespace: string;
  readonly clock: Clock;
  readonly log: Log;
  /** Called for each certificate taken into service, the first one included. */
  readonly reloaded: () => void;
}

/** Where a listener's certificate comes from, and whether it is valid. */
export interface TlsSource {
  /** Waits for the first certificate. @throws CodedError where there is none, or none that can be served */
  first(signal: AbortSignal): Promise<KeyPair>;
  /** Follows its changes until the signal; never rejects. @param apply takes a certificate into service */
  run(apply: (pair: KeyPair) => void, signal: AbortSignal): Promise<void>;
  readonly state: () => TlsSourceState;
}

export interface TlsSourceState {
  /** Why there is no valid certificate, or undefined. */
  readonly unready: Trouble | undefined;
  /** Why a new certificate could not be loaded, which need not be felt yet; or undefined. */
  readonly trouble: Trouble | undefined;
  /** Milliseconds since the epoch. */
  readonly servingNotAfter: number | undefined;
  readonly caNotAfter: number | undefined;
}

/** How often files are read again. */
const FILES_INTERVAL_MS = 10_000;

export function tlsSource({ source }: ServingOptions, deps: TlsDeps): TlsSource {
  const { api, clock, log, reloaded } = deps;
  let current: KeyPair | undefined;
  let apply: (pair: KeyPair) => void = () => {};
  const holder = served({
    now: () => clock.now(),
    apply: (pair) => {
      apply(pair);
      current = pair;
    },
  });
  const pairInUse = (): KeyPair => {
    if (current === undefined) throw new Error("there is no certificate");
    return current;
  };
  if (source.mode === "files") {
    const { files } = source;
    let trouble: Trouble | undefined;
    return {
      first: async () => {
        holder.use(await readPair(files));
        reloaded();
        return pairInUse();
      },
      run: (into, signal) => {
        apply = into;
        return followFiles(
          {
            files,
            served: holder,
            clock,
            log,
            intervalMs: FILES_INTERVAL_MS,
            reloaded,
            trouble: (found) => void (trouble = found),
          },
          signal,
        );
      },
      state: () => ({
        unready: holder.trouble(),
        trouble: holder.trouble() ?? trouble,
        servingNotAfter: holder.notAfter(),
        caNotAfter: undefined,
      }),
    };
  }
  const namespace = source.namespace ?? deps.namespace;
  const follower = secretFollower({
    api,
    clock,
    log,
    place: { secret: source.secret, namespace },
    name: serviceNames(source.service, namespace)[0],
    served: holder,
    reloaded,
  });
  return {
    first: async (signal) => {
      await follower.first(signal);
      return pairInUse();
    },
    run: (into, signal) => {
      apply = into;
      return follower.run(signal);
    },
    state: () => {
      const [unready, trouble] = [holder.trouble(), follower.trouble()];
      return {
        // The follower's message says what to do.
        unready: unready && (trouble ?? unready),
        trouble: trouble ?? unready,
        servingNotAfter: holder.notAfter(),
        caNotAfter: follower.caNotAfter(),
      };
    },
  };
}
