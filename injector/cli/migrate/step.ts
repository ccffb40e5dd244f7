/** One step of the migration: what to run, and what undoes it. */
export interface Step {
  readonly title: string;
  /** What to know first; sentences. */
  readonly about: readonly string[];
  readonly commands: readonly string[];
  readonly back: readonly string[];
}
