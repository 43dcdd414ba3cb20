import { init, type SeriesOption } from "echarts";

/** An axis: what is on it, in which unit, and from where to where. */
export interface Axis {
  /** What is on it, with its unit. */
  readonly name: string;
  /** Where it begins. @default {0} */
  readonly min?: number;
  /** Where it ends. @default where the values do */
  readonly max?: number;
  /** Whether the steps are powers of ten. @default {false} */
  readonly logarithmic?: boolean;
  /** Names of the values 0, 1, 2 ... in place of numbers. */
  readonly labels?: readonly string[];
  /** How far its ticks are apart. @default what looks well */
  readonly interval?: number;
}

/** A point of a series; `null` in place of one is a gap. */
export type Point = readonly [x: number, y: number] | null;

/** What is drawn with one stroke. */
export interface Series {
  /** Its name in the legend; those of the same name in several panels are one there. */
  readonly name: string;
  readonly color: string;
  readonly points: readonly Point[];
  /** Of the stroke, in pixels. @default {2} */
  readonly width?: number;
  /** @default {false} */
  readonly dashed?: boolean;
}

/** One coordinate system. */
export interface Panel {
  /** What it shows. */
  readonly title?: string;
  readonly x: Axis;
  readonly y: Axis;
  readonly series: readonly Series[];
  /** What is told apart from the rest by its background. */
  readonly shade?: { readonly from: number; readonly to: number; readonly label: string };
  /** In pixels. @default {260} */
  readonly height?: number;
}

/** Options of {@linkcode renderPlot}. */
export interface PlotOptions {
  readonly title: string;
  /** What was measured, and under what circumstances. */
  readonly subtitle: string;
  /** One below the other, or as many side by side as `columns` says. */
  readonly panels: readonly Panel[];
  /** @default {1} */
  readonly columns?: number;
}

/** Colours that are told apart by everybody (M. Okabe and K. Ito), and greys. */
export const COLOR = {
  blue: "#0072b2",
  orange: "#d55e00",
  green: "#009e73",
  yellow: "#e69f00",
  grey: "#b8bcc4",
} as const;

const WIDTH = 800;
const LEFT = 92;
const RIGHT = 24;
const HEAD = 92;
const PANEL_HEAD = 26;
const PANEL_FOOT = 50;
const INK = "#22262b";
const FAINT = "#e4e6ea";
const FONT = "Helvetica, Arial, sans-serif";

/**
 * Draws a plot as SVG, on white so that it can be read on any page.
 *
 * @param options What is to be seen.
 * @returns The text of the SVG file: for the same options always the same but for the names of classes.
 */
export function renderPlot({ title, subtitle, panels, columns = 1 }: PlotOptions): string {
  const rows = Math.ceil(panels.length / columns);
  const heights = Array.from({ length: rows }, (_, row) => {
    return Math.max(...panels.slice(row * columns, (row + 1) * columns).map(({ height = 260 }) => height));
  });
  const panelHead = panels.some((panel) => panel.title !== undefined) ? PANEL_HEAD : 8;
  const tops = heights.map((_, row) => HEAD + sum(heights.slice(0, row)));
  const cell = WIDTH / columns;
  const chart = init(null, null, { renderer: "svg", ssr: true, width: WIDTH, height: HEAD + sum(heights) });
  try {
    chart.setOption({
      animation: false,
      backgroundColor: "#ffffff",
      textStyle: { fontFamily: FONT, color: INK },
      title: [
        {
          text: title,
          subtext: subtitle,
          left: 16,
          top: 10,
          itemGap: 6,
          textStyle: { fontSize: 17, color: INK, fontFamily: FONT },
          subtextStyle: { fontSize: 12, color: "#59606a", fontFamily: FONT },
        },
        ...panels.flatMap((panel, i) =>
          panel.title === undefined ? [] : [{
            text: panel.title,
            left: cell * (i % columns) + LEFT,
            top: tops[Math.floor(i / columns)]!,
            padding: 0,
            textStyle: { fontSize: 13, color: INK, fontFamily: FONT },
          }]
        ),
      ],
      legend: {
        top: 62,
        left: 12,
        itemGap: 40,
        icon: "rect",
        itemWidth: 18,
        itemHeight: 5,
        data: [...new Set(panels.flatMap(({ series }) => series.map(({ name }) => name)))],
        textStyle: { fontSize: 12, color: INK, fontFamily: FONT },
      },
      grid: panels.map((_, i) => {
        const row = Math.floor(i / columns);
        return {
          left: cell * (i % columns) + LEFT,
          width: cell - LEFT - RIGHT,
          top: tops[row]! + panelHead,
          height: heights[row]! - panelHead - PANEL_FOOT,
        };
      }),
      xAxis: panels.map(({ x }, gridIndex) => ({ ...axis(x), gridIndex, nameGap: 28 })),
      yAxis: panels.map(({ y }, gridIndex) => ({ ...axis(y), ...headroom(y), gridIndex, nameGap: 48 })),
      series: panels.flatMap((panel, index) => panelSeries(panel, index)),
    });
    return `${chart.renderToSVGString()}\n`;
  } finally {
    chart.dispose();
  }
}

function axis({ name, min = 0, max, logarithmic = false, labels, interval }: Axis) {
  return {
    type: logarithmic ? "log" as const : "value" as const,
    name,
    min,
    nameLocation: "middle" as const,
    nameTextStyle: { fontSize: 12, color: INK, fontFamily: FONT },
    ...(max !== undefined && { max }),
    ...(interval !== undefined && { interval }),
    ...(labels !== undefined && { interval: 1 }),
    axisLine: { show: true, onZero: false, lineStyle: { color: "#8a9099" } },
    splitLine: { lineStyle: { color: FAINT } },
    axisLabel: {
      color: INK,
      fontFamily: FONT,
      fontSize: 11,
      ...(labels !== undefined && { formatter: (value: number) => labels[value] ?? "" }),
    },
  };
}

/** Above the highest value, where the label of the shade is. */
function headroom({ max, logarithmic = false }: Axis) {
  return max === undefined && !logarithmic ? { boundaryGap: [0, "15%"] as [number, string] } : {};
}

function panelSeries({ series, shade }: Panel, index: number): SeriesOption[] {
  return series.map(({ name, color, points, width = 2, dashed = false }, i) => ({
    type: "line",
    name,
    xAxisIndex: index,
    yAxisIndex: index,
    data: points.map((point) => point === null ? [null, null] : point.map(shortened)),
    showSymbol: false,
    connectNulls: false,
    color,
    lineStyle: { width, color, cap: "butt", type: dashed ? "dashed" : "solid" },
    ...(i === 0 && shade !== undefined && {
      markArea: {
        silent: true,
        itemStyle: { color: "#f3ead2" },
        label: { position: "insideTop", color: "#6b5a1e", fontSize: 11, fontFamily: FONT },
        data: [[{ name: shade.label, xAxis: shade.from }, { xAxis: shade.to }]],
      },
    }),
  }));
}

/** Five digits are more than can be seen. */
function shortened(value: number): number {
  return Number(value.toPrecision(5));
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
