/**
 * The entries of a directory, as EC2 lists them: one name a line, with a slash after a directory.
 * @param paths of leaves, relative to the version
 * @returns undefined if it is no directory
 */
export function listing(paths: Iterable<string>, directory: string): string | undefined {
  const prefix = directory === "" ? "" : `${directory}/`;
  const below = [...paths].filter((path) => path.startsWith(prefix)).map((path) => path.slice(prefix.length));
  if (below.length === 0) return undefined;
  const names = below.map((rest) => {
    const [name = "", deeper] = rest.split("/", 2);
    // In the top directory EC2 lists the names without slashes.
    return deeper === undefined || directory === "" ? name : `${name}/`;
  });
  return [...new Set(names)].sort().join("\n");
}

/** As EC2 lists them. */
const VERSIONS = [
  "1.0",
  "2007-01-19",
  "2007-03-01",
  "2007-08-29",
  "2007-10-10",
  "2007-12-15",
  "2008-02-01",
  "2008-09-01",
  "2009-04-04",
  "2011-01-01",
  "2011-05-01",
  "2012-01-12",
  "2014-02-25",
  "2014-11-05",
  "2015-10-20",
  "2016-04-19",
  "2016-06-30",
  "2016-09-02",
  "2018-03-28",
  "2018-08-17",
  "2018-09-24",
  "2019-10-01",
  "2020-10-27",
  "2021-01-03",
  "2021-03-23",
];

export const VERSION_LIST = [...VERSIONS, "latest"].join("\n");

/** Any date: EC2 keeps adding versions, and the answers here are the same in each. */
export const isVersion = (name: string): boolean =>
  name === "latest" || name === "1.0" || /^20\d\d-\d\d-\d\d$/.test(name);
