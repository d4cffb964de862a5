/** `path` below a base URL that may end in a slash, carry a query, or already be the whole address. */
export function joinUrl(baseURL: string, path: string): string {
  const url = new URL(baseURL);
  const base = url.pathname.replace(/\/+$/, '');
  url.pathname = base.endsWith(path) ? base : `${base}${path}`;
  return url.toString();
}
