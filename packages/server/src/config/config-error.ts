/** A setting that cannot be: which one, the rule it breaks, and what it was. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly code = 'BAD_CONFIG';
  /** The environment variable, or the option when it was set in code. */
  readonly variable: string;
  readonly rule: string;
  /** As given; `(hidden)` for a secret. */
  readonly value: string;

  constructor(variable: string, rule: string, value: string, options?: ErrorOptions) {
    super(`${variable} ${rule}, got ${value}`, options);
    this.variable = variable;
    this.rule = rule;
    this.value = value;
  }

  /** True for an error of this class. */
  static is(error: unknown): error is ConfigError {
    return error instanceof ConfigError;
  }
}
