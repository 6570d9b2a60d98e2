export type JsonObject = Readonly<Record<string, unknown>>;

export const isObject = (value: unknown): value is JsonObject => typeof value === 'object' && value !== null && !Array.isArray(value);

/** The object that a text holds; undefined where it holds none. */
export function parseObject(text: string): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : undefined;
  } catch {
    return undefined; // Not JSON: said by the caller, who knows whose text it is.
  }
}

/** As Portacode's `json.dumps(value, indent=2)` lays it out. */
export const toIndentedJson = (value: object): string => `${JSON.stringify(value, null, 2)}\n`;
