// The marks of a time–sequence graph as tcptrace draws them: a bar from the
// first to the last number of each segment, and one for each block of SACK.

import type uPlot from "uplot";
import type { Detail } from "./data.ts";
import { ink } from "./dom.ts";

export type Style = "tcptrace" | "Stevens";

export function drawSegments(u: uPlot, d: Detail, order: number[], side: number, [first, last]: [number, number]): void {
  const g = u.ctx;
  const ratio = devicePixelRatio || 1;
  const half = 3 * ratio;
  const colors = { sent: ink("sent"), again: ink("again"), sack: ink("sack") };
  const bar = (x: number, from: number, to: number, color: string, ends: boolean) => {
    const y1 = Math.round(u.valToPos(from, "y", true));
    const y2 = Math.round(u.valToPos(to, "y", true));
    g.strokeStyle = color;
    g.beginPath();
    g.moveTo(x, y1);
    g.lineTo(x, y2 === y1 ? y1 - ratio : y2);
    if (ends) {
      g.moveTo(x - half, y1);
      g.lineTo(x + half, y1);
      g.moveTo(x - half, y2);
      g.lineTo(x + half, y2);
    }
    g.stroke();
  };
  g.save();
  g.beginPath();
  g.rect(u.bbox.left, u.bbox.top, u.bbox.width, u.bbox.height);
  g.clip();
  g.font = `bold ${10 * ratio}px system-ui, sans-serif`;
  g.textAlign = "center";
  const sparse = last - first < 2000;
  for (let k = first; k <= last; k++) {
    const i = order[k];
    const x = Math.round(u.valToPos(d.time[i] / 1e9, "x", true));
    if (d.side[i] === side && d.len[i] > 0) {
      const again = d.repeats[i] > 0 || d.class[i].startsWith("retransmission");
      g.lineWidth = (again ? 2 : 1.25) * ratio;
      bar(x, d.seq[i], d.seq[i] + d.len[i], again ? colors.again : colors.sent, sparse);
      if (again && sparse) letter(g, "R", x, u.valToPos(d.seq[i] + d.len[i], "y", true) - 4 * ratio, colors.again);
      if (d.marks[i].includes("lost-after-tap") && sparse) letter(g, "✕", x, u.valToPos(d.seq[i], "y", true) + 12 * ratio, colors.again);
    }
    const sack = d.sack[i];
    if (sack && d.side[i] !== side) {
      g.lineWidth = 2.5 * ratio;
      for (let b = 0; b < sack.length; b += 2) bar(x, sack[b], sack[b + 1], colors.sack, false);
    }
  }
  g.restore();
}

function letter(g: CanvasRenderingContext2D, text: string, x: number, y: number, color: string): void {
  g.fillStyle = color;
  g.fillText(text, x, y);
}
