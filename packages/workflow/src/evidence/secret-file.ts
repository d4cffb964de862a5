/** Names that hold credentials by convention; templates of them (`.env.example`) do not. */
const SECRET_NAMES: readonly RegExp[] = [
  /^\.env(\..+)?$/,
  /\.env$/,
  /\.(pem|key|p12|pfx|pkcs12|jks|keystore|kdbx|ppk|asc|gpg|tfstate|tfvars)$/,
  /\.tfstate\.backup$/,
  /^id_(rsa|dsa|ecdsa|ed25519)/,
  /^\.(npmrc|pypirc|netrc|pgpass|htpasswd|git-credentials|dockercfg|boto|s3cfg|vault-token)$/,
  /^_netrc$/,
  /^(credentials|secrets?)(\.(json|ya?ml|toml|ini|txt|xml|properties))?$/,
  /^service[-_]?account.*\.json$/,
  /^(kubeconfig|token\.json|client_secret.*\.json)$/,
];

const TEMPLATE = /^\.env\.(example|sample|template|dist)$/;

/** Folders whose content is credentials or can hold them (`.git/config` keeps remote passwords). */
const SECRET_FOLDERS: ReadonlySet<string> = new Set(['.git', '.ssh', '.gnupg', '.aws', '.azure', '.kube', '.docker']);

const PRIVATE_KEY = /-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----/;

/** Tells whether a path (relative to its root) names a file or folder whose content is credentials. Case is ignored. */
export function isSecretPath(relativePath: string): boolean {
  const segments = relativePath.toLowerCase().split(/[\\/]/);
  if (segments.some((segment) => SECRET_FOLDERS.has(segment))) return true;
  const name = segments.at(-1) ?? '';
  return !TEMPLATE.test(name) && SECRET_NAMES.some((pattern) => pattern.test(name));
}

/** Tells whether text contains a private key block, whatever the file is called. */
export function holdsPrivateKey(text: string): boolean {
  return PRIVATE_KEY.test(text);
}
