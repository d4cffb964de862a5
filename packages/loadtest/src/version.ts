/** Version of this package, as it is written into reports; kept equal to package.json by a test. */
export const VERSION = '0.0.0';
