import { median } from '../measure/median.js';

/** One measured thing beside its floor or its rival of the same run. */
export interface Figure {
  readonly name: string;
  readonly unit: string;
  readonly min: number;
  readonly median: number;
  readonly max: number;
  readonly n: number;
  /** The median of what it is measured beside; null where there is nothing. */
  readonly floor: number | null;
  /** Median by floor; null where there is no floor, or it is a rival that is only shown. */
  readonly ratio: number | null;
  /** In words: `≤ 1.35 ×`; `–` where it is only shown. */
  readonly target: string;
  readonly met: boolean;
}

interface FigureInput {
  readonly name: string;
  readonly unit: string;
  readonly values: readonly number[];
  /** Values of the floor or the rival. */
  readonly beside?: readonly number[];
  /** Absent: it is only shown, beside others. */
  readonly target?: { readonly kind: 'ratio' | 'value'; readonly atMost: number };
}

/** @throws Error where nothing was measured. */
export function toFigure({ name, unit, values, beside, target }: FigureInput): Figure {
  const middle = median(values);
  if (middle === undefined) throw new Error(`${name}: nothing was measured`);
  const floor = beside === undefined ? null : (median(beside) ?? null);
  const ratio = target?.kind === 'ratio' && floor !== null && floor > 0 ? middle / floor : null;
  return {
    name,
    unit,
    min: Math.min(...values),
    median: middle,
    max: Math.max(...values),
    n: values.length,
    floor,
    ratio,
    target: target === undefined ? '–' : `≤ ${String(target.atMost)} ${target.kind === 'ratio' ? '×' : unit}`,
    met: target === undefined || isMet(target, ratio, values),
  };
}

/** Of what must not be more than so much, every value counts; of a ratio, the median. */
function isMet({ kind, atMost }: NonNullable<FigureInput['target']>, ratio: number | null, values: readonly number[]): boolean {
  return kind === 'ratio' ? ratio !== null && ratio <= atMost : Math.max(...values) <= atMost;
}

export function toTable(figures: readonly Figure[]): string {
  const number = (value: number | null): string => (value === null ? '' : value >= 100 ? value.toFixed(0) : value.toFixed(value >= 1 ? 1 : 3));
  const rows = [
    ['figure', 'unit', 'median', 'min', 'max', 'n', 'beside', 'ratio', 'target', ''],
    ...figures.map((figure) => [
      figure.name, figure.unit, number(figure.median), number(figure.min), number(figure.max), String(figure.n),
      number(figure.floor), figure.ratio === null ? '' : `${figure.ratio.toFixed(2)} ×`, figure.target, figure.target === '–' ? '' : figure.met ? 'met' : 'NOT MET',
    ]),
  ];
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows.map((row) => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ').trimEnd()).join('\n');
}
