import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

/**
 * Every region in the AWS SDK's table of partitions, which it does not export. Its names that stand for a whole partition, such
 * as `aws-global`, are no regions.
 */
export const SDK_REGIONS: readonly string[] = [
  ...new Set(
    readFileSync(createRequire(import.meta.url).resolve("@aws-sdk/core/client"), "utf8").match(
      /(?<=")[a-z]{2,5}(?:-[a-z]+){1,3}-\d{1,2}(?=")/g,
    ),
  ),
].toSorted();
