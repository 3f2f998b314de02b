// A chart of measured guests as SVG: one group of bars per guest, one bar per engine, its length the time over the
// native time on a logarithmic axis.

import type { Figures, Measured } from "./engine/measure.js";

const COLOURS: Readonly<Record<string, string>> = {
  ours: "#2266aa",
  "ours-sync": "#77aadd",
  "ours-tier0": "#bbccdd",
  v86: "#dd8833",
  "v86-interpreter": "#eeccaa",
  qemu: "#669944",
  bochs: "#aa5577",
};

const LEFT = 150;
const WIDTH = 640;
const RIGHT = 60;
const TOP = 64;
const BAR = 11;
const GAP = 9;
const TICKS = [0.5, 1, 2, 3, 5, 10, 20, 50, 100, 200, 500];

const text = (x: number, y: number, content: string, attributes = ""): string =>
  `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" ${attributes}>${content}</text>`;

/** Undefined where no engine was measured against native. */
export function chart(
  title: string,
  results: readonly Measured[],
  value: (figures: Figures) => number,
): string | undefined {
  const rows = results.flatMap(({ guest, figures }) => {
    const native = figures.get("native");
    if (native === undefined) return [];
    const bars = [...figures.values()]
      .filter((entry) => entry !== native)
      .map((entry) => ({ engine: entry.engine, ratio: value(entry) / value(native) }));
    return [{ name: guest.name, bars }];
  });
  const ratios = rows.flatMap((row) => row.bars.map((bar) => bar.ratio));
  if (ratios.length === 0) return undefined;
  const low = Math.log(Math.min(0.8, ...ratios));
  const high = Math.log(Math.max(10, ...ratios) * 1.05);
  const across = (ratio: number): number => LEFT + ((Math.log(ratio) - low) / (high - low)) * WIDTH;
  const parts: string[] = [];
  let y = TOP;
  for (const { name, bars } of rows) {
    parts.push(text(LEFT - 8, y + (bars.length * BAR) / 2 + 4, name, 'text-anchor="end"'));
    for (const { engine, ratio } of bars) {
      const fill = COLOURS[engine] ?? "#888888";
      const end = across(ratio);
      parts.push(
        `<rect x="${LEFT}" y="${y}" width="${Math.max(end - LEFT, 1).toFixed(1)}" height="${BAR - 1}" fill="${fill}"/>`,
      );
      parts.push(text(end + 4, y + BAR - 2, ratio.toFixed(ratio < 10 ? 2 : 0), 'class="small"'));
      y += BAR;
    }
    y += GAP;
  }
  const ticks = TICKS.filter((tick) => Math.log(tick) > low && Math.log(tick) < high).map((tick) => {
    const x = across(tick).toFixed(1);
    return `<line x1="${x}" x2="${x}" y1="${TOP - 6}" y2="${y}" class="tick"/>${text(Number(x), TOP - 10, `${tick}×`, 'text-anchor="middle" class="small"')}`;
  });
  const engines = [...new Set(rows.flatMap((row) => row.bars.map((bar) => bar.engine)))];
  const legend = engines.map((engine, n) => {
    const x = LEFT + n * 110;
    return `<rect x="${x}" y="28" width="10" height="10" fill="${COLOURS[engine] ?? "#888888"}"/>${text(x + 14, 37, engine)}`;
  });
  const size = `width="${LEFT + WIDTH + RIGHT}" height="${y + 10}"`;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" ${size} font-family="sans-serif" font-size="12">`,
    "<style>.small{font-size:9px}.tick{stroke:#cccccc}</style>",
    `<rect ${size} fill="white"/>`,
    text(LEFT, 18, title, 'font-weight="bold"'),
    ...legend,
    ...ticks,
    ...parts,
    "</svg>",
    "",
  ].join("\n");
}
