import { Counter, Gauge, Histogram, type Registry } from "prom-client";

export interface MetricSpec {
  readonly type: "counter" | "gauge" | "histogram";
  readonly help: string;
  /** Each label and what it holds. Never a name that tenants choose: there is no end of those. */
  readonly labels: Readonly<Record<string, string>>;
}

type Table = Readonly<Record<string, MetricSpec>>;
type Named<T extends Table, Type> = {
  [N in keyof T]: T[N]["type"] extends Type ? N : never;
}[keyof T] &
  string;
type LabelsOf<T extends Table, N extends keyof T> = Extract<keyof T[N]["labels"], string>;

/** Makes metrics by their name in the table. @param read is called at every scrape */
export function metricMakers<T extends Table>(table: T, registry: Registry) {
  const described = <N extends keyof T & string>(name: N) => {
    const { help, labels } = (table as Table)[name] as MetricSpec;
    return { name, help, labelNames: Object.keys(labels) as LabelsOf<T, N>[], registers: [registry] };
  };
  return {
    counter: <N extends Named<T, "counter">>(name: N, read?: () => number): Counter<LabelsOf<T, N>> => {
      const total: Counter<LabelsOf<T, N>> = new Counter({
        ...described(name),
        ...(read && {
          collect: () => {
            total.reset();
            total.inc(read());
          },
        }),
      });
      return total;
    },
    gauge: <N extends Named<T, "gauge">>(name: N, read?: () => number): Gauge<LabelsOf<T, N>> => {
      const level: Gauge<LabelsOf<T, N>> = new Gauge({
        ...described(name),
        ...(read && { collect: () => level.set(read()) }),
      });
      return level;
    },
    histogram: <N extends Named<T, "histogram">>(
      name: N,
      buckets: readonly number[],
    ): Histogram<LabelsOf<T, N>> => new Histogram({ ...described(name), buckets: [...buckets] }),
  };
}

export type Series<L extends string> = readonly (readonly [Record<L, string>, number])[];

/** A gauge with series that are read at every scrape. A series that is not read any more is gone. */
export function labelled<L extends string>(level: Gauge<L>, read: () => Series<L>): void {
  Object.assign(level, {
    collect: () => {
      level.reset();
      for (const [labels, value] of read()) level.set(labels, value);
    },
  });
}
