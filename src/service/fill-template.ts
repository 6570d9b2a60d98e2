/** `{{name}}`: letters only, so that nothing of a unit's or a shell's own syntax is taken for one. */
const PLACEHOLDER = /\{\{([^{}\n]*)\}\}/g;
const NAME = /^[A-Za-z]+$/;

/**
 * Fills in a file of init-scripts/. The values are quoted for its format already. Strict in both directions: a
 * placeholder that nobody fills and a value that nobody asks for are mistakes of ours, and throw.
 */
export function fillTemplate(template: string, values: Readonly<Record<string, string>>): string {
  const asked = new Set<string>();
  const filled = template.replaceAll(PLACEHOLDER, (whole, name: string) => {
    const value = NAME.test(name) && Object.hasOwn(values, name) ? values[name] : undefined;
    if (value === undefined) throw new TypeError(`nothing is given for the placeholder ${whole}`);
    asked.add(name);
    return value;
  });
  const unasked = Object.keys(values).filter((name) => !asked.has(name));
  if (unasked.length > 0) throw new TypeError(`there is no placeholder for ${unasked.join(', ')}`);
  return filled;
}
