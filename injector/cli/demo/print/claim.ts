/** One thing the demo is to show, and whether it did. */
export interface Claim {
  readonly claim: string;
  readonly holds: boolean;
}
