/**
 * The options of a TLS connection that checks the other end's certificate, also where `NODE_TLS_REJECT_UNAUTHORIZED` says not to.
 * @param ca PEM certificates that are trusted in place of Node's roots, if given
 */
export const trusting = (ca: readonly string[] | undefined) =>
  ca === undefined ? { rejectUnauthorized: true } : { rejectUnauthorized: true, ca: [...ca] };
