import type { Clock } from "../../sidecar/kit/clock.ts";
import type { Log } from "../../sidecar/kit/log.ts";
import { certificateAuthority, servingCertificate, validFor, type KeyPair } from "./certificates.ts";
import { namespaceOf, type ApiAccess } from "../cluster/access.ts";
import type { Trouble } from "../model/trouble.ts";
import { DURATIONS, type Durations } from "./durations.ts";
import { followFiles, readPair } from "./files.ts";
import { keeper, type KeepEvent } from "./keep.ts";
import type { TlsApi } from "./objects.ts";
import type { ServingOptions } from "./options.ts";
import { served } from "./served.ts";

export interface TlsDeps {
  readonly api: TlsApi;
  readonly access: ApiAccess;
  readonly clock: Clock;
  readonly log: Log;
  readonly observe: (event: KeepEvent) => void;
  readonly durations?: Durations;
}

/** Where a listener's certificate comes from, and whether all is well with it. */
export interface TlsSource {
  /** To listen with. Of a self-managed one, nobody trusts it: it answers probes until the Secret has been read. */
  readonly first: KeyPair;
  /** Looks after it until the signal; never rejects. @param apply takes a certificate into service */
  run(apply: (pair: KeyPair) => void, signal: AbortSignal): Promise<void>;
  readonly state: () => TlsSourceState;
}

export interface TlsSourceState {
  /** Why API servers would not take the certificate, or undefined. */
  readonly unready: Trouble | undefined;
  /** What keeps it from being looked after, which need not be felt yet; or undefined. */
  readonly trouble: Trouble | undefined;
  /** Milliseconds since the epoch. */
  readonly servingNotAfter: number | undefined;
  readonly caNotAfter: number | undefined;
}

/** @throws CodedError for files that cannot be served from the start */
export async function tlsSource({ source }: ServingOptions, deps: TlsDeps): Promise<TlsSource> {
  const { api, clock, log, observe, durations = DURATIONS } = deps;
  let apply: (pair: KeyPair) => void = () => {};
  const holder = served({
    now: () => clock.now(),
    apply: (pair) => apply(pair),
    bundled: source.mode === "self-managed",
  });
  if (source.mode === "files") {
    const { files } = source;
    const first = await readPair(files);
    holder.use(first);
    let trouble: Trouble | undefined;
    return {
      first,
      run: (into, signal) => {
        apply = into;
        observe({ event: "reload" });
        return followFiles(
          {
            files,
            served: holder,
            clock,
            log,
            intervalMs: durations.intervalMs,
            reloaded: () => observe({ event: "reload" }),
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
  const { service, secret, webhooks, furtherNames } = source;
  const namespace = source.namespace ?? namespaceOf(deps.access) ?? "podrole-system";
  const names = [...serviceNames(service, namespace), ...furtherNames];
  const kept = keeper({
    api,
    clock,
    log,
    places: { secret, namespace, webhooks },
    names,
    durations,
    served: holder,
    observe,
  });
  return {
    first: await placeholder(names, clock.now()),
    run: (into, signal) => {
      apply = into;
      return kept.run(signal);
    },
    state: () => {
      const [unready, trouble] = [holder.trouble(), kept.trouble()];
      return {
        // Of the two the one that says what to do.
        unready: unready && (trouble ?? unready),
        trouble: trouble ?? unready,
        servingNotAfter: holder.notAfter(),
        caNotAfter: kept.caNotAfter(),
      };
    },
  };
}

/** The API server checks for the first; the others are for people and for clients in the cluster. */
const serviceNames = (service: string, namespace: string): readonly string[] => [
  `${service}.${namespace}.svc`,
  `${service}.${namespace}.svc.cluster.local`,
  `${service}.${namespace}`,
  service,
];

async function placeholder(names: readonly string[], now: number): Promise<KeyPair> {
  const validity = validFor(365, now);
  return servingCertificate(
    await certificateAuthority("podrole, before its Secret", validity),
    names,
    validity,
  );
}
