export type JsonObject = Readonly<Record<string, unknown>>;

/** An object with fields, and neither null nor an array. */
export const isObject = (value: unknown): value is JsonObject => typeof value === 'object' && value !== null && !Array.isArray(value);
