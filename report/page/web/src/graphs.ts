// The graphs of one connection: sequence numbers, round trips, window and
// octets in flight, all over the time since its first segment.

import uPlot from "uplot";
import type { Detail } from "./data.ts";
import { h, ink, onScheme } from "./dom.ts";
import { elapsed, octets } from "./format.ts";
import { drawSegments, type Style } from "./segments.ts";
import type { Selection } from "./selection.ts";

const names = ["client → server", "server → client"];
const height = 260;
const paper = { width: 680, height: 190 }; // pixels

type Values = (number | null)[];

export class Graphs {
  readonly element: HTMLElement;
  private readonly order: number[]; // segments by time
  private readonly place: number[] = []; // of a segment in that order
  private readonly x: number[];
  private readonly boxes = [h("div", { class: "plot" }), h("div", { class: "plot" }), h("div", { class: "plot" })];
  private plots: uPlot[] = [];
  private side: number; // whose octets are shown
  private far = false; // the window edge is shown however far it is
  private style: Style = "tcptrace";
  private readonly off = new AbortController();
  private printing = false;
  private quiet = false; // while one graph's range is given to the others
  private readonly buttons: HTMLButtonElement[] = [];
  onZoom: (from: number, to: number) => void = () => {};

  constructor(
    private readonly detail: Detail,
    private readonly selection: Selection,
  ) {
    this.order = detail.time.map((_, i) => i).sort((a, b) => detail.time[a] - detail.time[b] || a - b);
    this.order.forEach((segment, i) => (this.place[segment] = i));
    this.x = this.order.map((i) => detail.time[i] / 1e9);
    const sent = [0, 0];
    detail.len.forEach((n, i) => (sent[detail.side[i]] += n));
    this.side = sent[1] > sent[0] ? 1 : 0;
    this.element = h("div", { class: "graphs" }, this.card("Time and sequence numbers", this.boxes[0], true), this.card("Round trips", this.boxes[1]), this.card("Window and octets in flight", this.boxes[2]));
    onScheme(() => this.build(), this.off.signal);
    new ResizeObserver(() => this.resize()).observe(this.boxes[0]);
    selection.onPick(() => this.plots.forEach((p) => p.redraw(false)));
  }

  private card(title: string, box: HTMLElement, first = false): HTMLElement {
    return h("section", { class: "card" + (first ? " wide" : "") }, h("h2", {}, title), first && this.bar(), box);
  }

  private bar(): HTMLElement {
    const add = (text: string, on: () => boolean, fn: () => void, title: string) => {
      const b = h("button", { type: "button", title, click: () => (fn(), this.build()) }, text);
      this.buttons.push(b);
      this.pressed.push(on);
      return b;
    };
    return h(
      "div",
      { class: "bar", role: "toolbar", "aria-label": "Graphs" },
      ...names.map((name, side) => add(name, () => this.side === side, () => (this.side = side), "the octets of this direction (d)")),
      ...(["tcptrace", "Stevens"] as Style[]).map((style) => add(style, () => this.style === style, () => (this.style = style), style === "Stevens" ? "a point for each segment" : "segments as bars, acknowledged octets, window edge, SACK")),
      add("Window edge", () => this.far, () => (this.far = !this.far), "make room for the window edge, however far it is"),
      h("button", { type: "button", title: "the whole life in all graphs (0)", click: () => this.range(this.x[0], this.x[this.x.length - 1]) }, "Whole life"),
      h("span", { class: "hint" }, "drag to zoom, click to show the packet"),
    );
  }
  private readonly pressed: (() => boolean)[] = [];

  turn(): void {
    this.side = 1 - this.side;
    this.build();
  }

  // build makes the graphs anew.
  build(): void {
    this.buttons.forEach((b, i) => b.setAttribute("aria-pressed", String(this.pressed[i]())));
    const range = this.plots[0]?.scales.x;
    this.plots.forEach((p) => p.destroy());
    if (this.boxes[0].clientWidth === 0) return;
    this.plots = [this.sequence(), this.roundTrips(), this.window()];
    if (range?.min !== undefined && range.max !== undefined) this.range(range.min, range.max);
  }

  private resize(): void {
    if (this.plots.length === 0) this.build();
    else this.plots.forEach((p, i) => p.setSize(this.size(i)));
  }

  private size(box: number): { width: number; height: number } {
    return this.printing ? paper : { width: Math.max(200, this.boxes[box].clientWidth), height };
  }

  print(on: boolean): void {
    this.printing = on;
    this.build();
  }

  // showTime shows a stretch of nanoseconds.
  showTime(from: number, to: number): void {
    this.range(from / 1e9, to / 1e9);
  }

  // range shows a stretch of seconds in all graphs.
  private range(min: number, max: number): void {
    if (this.quiet || !(max > min)) return;
    this.quiet = true;
    this.plots.forEach((p) => p.setScale("x", { min, max }));
    this.quiet = false;
  }

  private sequence(): uPlot {
    const { detail: d, side } = this;
    const ack: Values = [];
    const edge: Values = [];
    const from: Values = [];
    const to: Values = [];
    let furthest = -Infinity;
    for (const i of this.order) {
      const own = d.side[i] === side;
      const takes = own && d.len[i] > 0;
      from.push(takes ? d.seq[i] : null);
      to.push(takes ? d.seq[i] + d.len[i] : null);
      const acks = !own && d.ack[i] >= 0 && !d.reset[i];
      ack.push(acks ? d.ack[i] : null);
      if (acks && d.window[i] >= 0) furthest = Math.max(furthest, d.ack[i] + d.window[i]);
      edge.push(acks && d.window[i] >= 0 ? furthest : null);
    }
    const trace = this.style === "tcptrace";
    const step = uPlot.paths.stepped!({ align: 1 });
    const line = (label: string, color: string): uPlot.Series => ({ label, stroke: ink(color), width: 1, paths: step, spanGaps: true, points: { show: false }, value: stands(String) });
    const series: uPlot.Series[] = [
      { label: "sent from", stroke: ink("sent"), paths: () => null, points: { show: !trace, size: 5, fill: ink("sent") }, value: (_, v) => (v === null ? "" : String(v)) },
      { label: "to", stroke: ink("sent"), paths: () => null, points: { show: false }, value: (_, v) => (v === null ? "" : String(v)) },
    ];
    if (trace) series.push(line("acknowledged", "ack"), line("window edge", "edge"));
    const values = trace ? [from, to, ack, edge] : [from, to];
    const most = (v: Values) => v.reduce<number>((a, b) => Math.max(a, b ?? -Infinity), -Infinity);
    const least = (v: Values) => v.reduce<number>((a, b) => Math.min(a, b ?? Infinity), Infinity);
    // A window far beyond what was sent would leave the rest flat.
    const span = Math.max(1, Math.max(most(to), most(ack)) - Math.min(least(from), least(ack)));
    const tooFar = Math.max(most(to), most(ack)) + 3 * span;
    const y: uPlot.Range.Function = (u) => {
      let [low, high] = [Infinity, -Infinity];
      const [first, last] = shown(u);
      values.forEach((v) => {
        for (let i = first; i <= last; i++) {
          const n = v[i];
          if (n === null || n === undefined || n > tooFar && !this.far) continue;
          [low, high] = [Math.min(low, n), Math.max(high, n)];
        }
      });
      if (!(high >= low)) return [0, 1];
      const room = Math.max(1, (high - low) * 0.06);
      return [low - room, high + room];
    };
    return this.plot(0, names[side] + ": sequence numbers", series, values, y, (_, v) => v.map((n) => String(n)), (u) => {
      if (trace) drawSegments(u, d, this.order, side, shown(u));
    });
  }

  private roundTrips(): uPlot {
    const d = this.detail;
    const of = (side: number): Values => this.order.map((i) => (d.rtt[i] > 0 && d.side[i] === side ? d.rtt[i] / 1e6 : null));
    const dots = (label: string, color: string): uPlot.Series => ({ label, stroke: ink(color), paths: () => null, points: { show: true, size: 5, fill: ink(color) }, value: (_, v) => (v === null ? "" : elapsed(v * 1e6)) });
    return this.plot(1, "round trips from the capture point", [dots("to the server and back", "sent"), dots("to the client and back", "ack")], [of(1), of(0)], (_u, _low, high) => [0, high > 0 ? high * 1.1 : 1], (_, v) => v.map((n) => elapsed(n * 1e6)));
  }

  private window(): uPlot {
    const { detail: d, side } = this;
    const offered: Values = this.order.map((i) => (d.side[i] !== side && d.window[i] >= 0 && !d.reset[i] ? d.window[i] : null));
    const flight: Values = this.order.map((i) => d.flight[side][i]);
    const step = uPlot.paths.stepped!({ align: 1 });
    const line = (label: string, color: string): uPlot.Series => ({ label, stroke: ink(color), width: 1.5, paths: step, spanGaps: true, points: { show: false }, value: stands(octets) });
    return this.plot(2, names[side] + ": octets", [line("window of the " + (side ? "client" : "server"), "edge"), line("in flight", "sent")], [offered, flight], (_u, _low, high) => [0, high > 0 ? high * 1.08 : 1], (_, v) => v.map((n) => octets(n)));
  }

  // plot makes one graph; its cursor moves those of the others.
  private plot(box: number, title: string, series: uPlot.Series[], values: Values[], y: uPlot.Range.Function, ticks: uPlot.Axis.DynamicValues, draw?: (u: uPlot) => void): uPlot {
    const axis: uPlot.Axis = { stroke: ink("faint"), grid: { stroke: ink("line"), width: 1 }, ticks: { stroke: ink("line"), width: 1 }, font: "11px system-ui, sans-serif" };
    const options: uPlot.Options = {
      ...this.size(box),
      scales: { x: { time: false }, y: { range: y } },
      axes: [{ ...axis, values: (_, v) => v.map((n) => elapsed(Math.round(n * 1e9))), space: 70 }, { ...axis, size: 82, values: ticks }],
      series: [{ label: "time", value: (_, v) => (v === null ? "" : elapsed(v * 1e9)) }, ...series],
      cursor: { sync: { key: "connection" }, drag: { x: true, y: false } },
      hooks: {
        draw: [
          (u) => {
            draw?.(u);
            this.mark(u);
          },
        ],
        setScale: [
          (u, key) => {
            if (key !== "x" || this.quiet) return;
            const { min, max } = u.scales.x;
            if (min === undefined || max === undefined) return;
            this.range(min, max);
          },
        ],
        setSelect: [(u) => u.select.width > 2 && this.onZoom(u.posToVal(u.select.left, "x") * 1e9, u.posToVal(u.select.left + u.select.width, "x") * 1e9)],
        setCursor: [(u) => u.cursor.event && this.selection.point(u.cursor.idx == null ? -1 : this.order[u.cursor.idx])],
      },
    };
    const plot = new uPlot(options, [this.x, ...values] as uPlot.AlignedData, this.boxes[box]);
    plot.over.setAttribute("role", "img");
    plot.over.setAttribute("aria-label", title + ". The list of packets has the numbers.");
    plot.over.addEventListener("click", () => {
      if (plot.cursor.idx != null && plot.select.width === 0) this.selection.pick(this.order[plot.cursor.idx], this);
    });
    plot.over.addEventListener("pointerleave", () => this.selection.point(-1));
    return plot;
  }

  // mark draws a line at the chosen segment.
  private mark(u: uPlot): void {
    const i = this.selection.index;
    if (i < 0) return;
    const x = Math.round(u.valToPos(this.x[this.place[i]], "x", true));
    if (x < u.bbox.left || x > u.bbox.left + u.bbox.width) return;
    const g = u.ctx;
    g.save();
    g.strokeStyle = ink("accent");
    g.setLineDash([4, 4]);
    g.beginPath();
    g.moveTo(x, u.bbox.top);
    g.lineTo(x, u.bbox.top + u.bbox.height);
    g.stroke();
    g.restore();
  }

  close(): void {
    this.off.abort();
    this.plots.forEach((p) => p.destroy());
    this.plots = [];
  }
}

// stands writes what a stepped line stands at: its last value up to the pointer.
function stands(write: (n: number) => string): uPlot.Series.Value {
  return (u, _value, series, index) => {
    if (index == null) return "";
    const values = u.data[series];
    for (let i = index; i >= 0; i--) if (values[i] != null) return write(values[i]!);
    return "";
  };
}

// shown returns the first and the last index in view.
function shown(u: uPlot): [number, number] {
  const { min, max } = u.scales.x;
  const x = u.data[0];
  if (min == null || max == null || x.length === 0) return [0, x.length - 1];
  return [Math.max(0, u.valToIdx(min) - 1), Math.min(x.length - 1, u.valToIdx(max) + 1)];
}
