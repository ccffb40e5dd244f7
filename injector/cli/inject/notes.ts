import type { InjectorConfig } from "../../config/installation.ts";
import { straysAbove } from "../../decide/strays-above.ts";
import { straysOnAccount, straysOnNamespace } from "../../decide/strays-around.ts";
import { isLabelled, type Cluster, type Facts } from "../../model/facts.ts";
import type { Finding } from "../../model/findings.ts";
import { nameOf, own, type Fields } from "../../model/read.ts";
import { kindOf } from "../../model/workload.ts";

/** What there is to say about an object. */
export interface Note {
  readonly object: string;
  readonly finding: Finding;
}

/** Collects notes. What is odd about a service account or namespace is noted once, not again for each of its pods. */
export class Notes {
  readonly all: Note[] = [];
  readonly unlabelled = new Set<string>();
  readonly #config: Pick<InjectorConfig, "keys">;
  readonly #said = new Set<string>();

  constructor(config: Pick<InjectorConfig, "keys">) {
    this.#config = config;
  }

  /** @param findings of the object's pods */
  ofPods(object: string, value: Fields, facts: Facts, findings: readonly Finding[]): void {
    const around = new Set(this.#around(facts).map(({ message }) => message));
    const above = isLabelled(facts) ? straysAbove(value, this.#config) : [];
    const fresh = findings.filter(({ message }) => !(around.has(message) && this.#said.has(message)));
    this.#add(object, [...above, ...fresh]);
  }

  /** Of a service account or a namespace. Other objects have nothing that podrole reads. */
  async ofSurroundings(object: string, value: Fields, namespace: string, cluster: Cluster): Promise<void> {
    if (own(value, "apiVersion") !== "v1") return;
    const kind = kindOf(value);
    const name = nameOf(value);
    if (kind !== "ServiceAccount" && kind !== "Namespace") return;
    const facts =
      kind === "Namespace" ? await cluster.facts(name, "default") : await cluster.facts(namespace, name);
    if (!isLabelled(facts)) return;
    const strays =
      kind === "Namespace" ? straysOnNamespace(facts, this.#config) : straysOnAccount(facts, this.#config);
    this.#add(
      kind === "Namespace" ? `Namespace ${name}` : object,
      strays.map(({ finding }) => finding).filter(({ message }) => !this.#said.has(message)),
    );
  }

  #around(facts: Facts): readonly Finding[] {
    return [...straysOnAccount(facts, this.#config), ...straysOnNamespace(facts, this.#config)].map(
      ({ finding }) => finding,
    );
  }

  #add(object: string, findings: readonly Finding[]): void {
    this.all.push(...findings.map((finding) => ({ object, finding })));
    for (const { message } of findings) this.#said.add(message);
  }
}
