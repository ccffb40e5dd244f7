/** What the page is made of beside its data: both are built of the folder `page`. */
export interface Assets {
  readonly script: string;
  readonly style: string;
}

/** Put here by `.ci/build.ts`: the program is one folder, and finds nothing beside itself. */
declare const PODROLE_ROLES_PAGE: string | undefined;

/** Run from its sources, the program builds them now. */
export async function pageAssets(): Promise<Assets> {
  if (typeof PODROLE_ROLES_PAGE === "string") return JSON.parse(PODROLE_ROLES_PAGE) as Assets;
  // By a URL, so that the bundler does not follow it to itself.
  const bundler = new URL("./bundle.ts", import.meta.url).href;
  const { bundledPage } = (await import(bundler)) as { readonly bundledPage: () => Promise<Assets> };
  return bundledPage();
}
