/**
 * The names in an annotation such as `podrole.dev/skip-containers`, in its order. Other programs separate them by comma or by
 * semicolon, and EKS's webhook takes the list for a line of CSV, which may have quotes.
 */
export const namesOf = (list: string): readonly string[] =>
  list
    .replaceAll('"', "")
    .split(/[,;\n]/)
    .map((name) => name.trim())
    .filter((name) => name !== "");
