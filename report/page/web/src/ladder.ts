// The ladder: both ends' states as lifelines, segments as arrows between them.
// Rows follow the figure that the Go program lays out. By steps they stand
// evenly; by time they stand where their segments left and arrived.

import { Arrives, Leaves, Lost, Rejected, type Detail, type Report, type Rung } from "./data.ts";
import { h, s, soon } from "./dom.ts";
import { count, seconds } from "./format.ts";
import type { Selection } from "./selection.ts";

const rowHeight = 40;
const slant = 15; // how much lower a segment arrives than it leaves, by steps
const head = 14; // room above the first row
const foot = 30;
const tallest = 10e6; // pixels
const labelRoom = 13; // pixels between two labels
const many = 600; // arrows in view from which on they are drawn plainly
const printed = 400; // rows on paper
const paper = 700; // pixels, which are scaled to the width of the paper
const piece = 6 * rowHeight; // between two of which a page may break
const letter = 7; // pixels, the width of one

interface Place {
  from: number; // height at which the segment leaves
  to: number; // height at which it arrives
}

interface Box {
  left: number;
  right: number;
  top: number;
  bottom: number;
}

interface Stretch {
  state: number;
  from: number;
  to: number;
}

export class Ladder {
  readonly element: HTMLElement;
  private readonly scroller: HTMLElement;
  private readonly inner = h("div", { class: "inner" });
  private readonly svg = s("svg", { role: "img", "aria-label": "Ladder diagram. The list of packets says the same in words." });
  private readonly buttons: Record<string, HTMLButtonElement> = {};
  private readonly rungs: Rung[];
  private readonly rungOf: number[] = []; // index of the rung in which a segment leaves
  private readonly order: number[]; // rungs by the height of their upper end
  private places: Place[] = [];
  private stretches: [Stretch[], Stretch[]] = [[], []];
  private height = 0;
  private byTime = false;
  private scale = 0; // pixels for a nanosecond, by time
  private readonly first: number;
  private readonly last: number;
  private pointed = -1;
  private printing = false;
  private names: Box[] = []; // of states that stand between the lifelines
  private readonly draw = soon(() => this.render());
  onZoom: (from: number, to: number) => void = () => {};

  constructor(
    private readonly report: Report,
    private readonly detail: Detail,
    private readonly selection: Selection,
  ) {
    this.rungs = detail.rungs;
    this.rungs.forEach((r, i) => r.k & Leaves && (this.rungOf[r.s] = i));
    const times = this.rungs.flatMap((r) => (r.s < 0 ? [r.t] : [r.l, r.a]));
    this.first = times.reduce((a, b) => Math.min(a, b), 0);
    this.last = times.reduce((a, b) => Math.max(a, b), 1);
    this.order = this.rungs.map((_, i) => i);
    this.scroller = h("div", { class: "ladder", tabindex: 0, role: "group", "aria-label": "Ladder", scroll: this.draw, pointerleave: () => selection.point(-1) }, this.inner);
    this.inner.append(this.svg);
    this.scroller.addEventListener("wheel", (e) => this.wheel(e), { passive: false });
    this.svg.addEventListener("pointermove", (e) => selection.point(this.under(e as PointerEvent)));
    this.svg.addEventListener("click", (e) => {
      const i = this.under(e as PointerEvent);
      if (i >= 0) selection.pick(i, this);
    });
    this.element = h("section", { class: "card ladder-card" }, h("h2", {}, "Ladder"), this.bar(), this.heads(), this.scroller);
    new ResizeObserver(() => this.layout()).observe(this.scroller);
    selection.onPick((i, source) => {
      if (source !== this) this.reveal(i);
      this.draw();
    });
    selection.onPoint((i) => {
      if (i === this.pointed) return;
      this.pointed = i;
      this.draw();
    });
  }

  private heads(): HTMLElement {
    const row = this.report.row(this.detail.conn);
    return h("div", { class: "ladder-ends", "aria-hidden": "true" }, h("span", {}, "client " + this.report.endpoint(row, 0)), h("span", {}, "server " + this.report.endpoint(row, 1)));
  }

  // bar has the controls.
  private bar(): HTMLElement {
    const add = (name: string, text: string, title: string, fn: () => void) =>
      (this.buttons[name] = h("button", { type: "button", title, click: fn }, text));
    return h(
      "div",
      { class: "bar", role: "toolbar", "aria-label": "Ladder" },
      add("steps", "Steps", "rows evenly spaced (s)", () => this.setSteps()),
      add("whole", "Whole life", "time from the first packet to the last (0)", () => this.zoomTo(this.first, this.last)),
      add("rtt", "One RTT", "time, zoomed to one round trip (r)", () => this.zoomRTT()),
      add("in", "+", "zoom in (+)", () => this.zoom(2)),
      add("out", "−", "zoom out (−)", () => this.zoom(0.5)),
    );
  }

  key(key: string): boolean {
    const actions: Record<string, () => void> = {
      s: () => this.setSteps(), "0": () => this.zoomTo(this.first, this.last), r: () => this.zoomRTT(),
      "+": () => this.zoom(2), "=": () => this.zoom(2), "-": () => this.zoom(0.5),
    };
    if (!actions[key]) return false;
    actions[key]();
    return true;
  }

  // natural is how high the ladder is by steps, in pixels.
  natural(): number {
    return head + this.rungs.length * rowHeight + foot;
  }

  // The view.

  private view(): number {
    return Math.max(60, this.scroller.clientHeight);
  }

  setSteps(): void {
    this.byTime = false;
    this.layout();
    this.reveal(this.selection.index);
  }

  // zoomTo shows a stretch of time, in nanoseconds.
  zoomTo(from: number, to: number): void {
    this.byTime = true;
    this.scale = (this.view() - head - foot) / Math.max(1, to - from);
    this.layout();
    this.scroller.scrollTop = (from - this.first) * this.scale;
    this.onZoom(from, to);
  }

  private zoomRTT(): void {
    const rtts = this.detail.rtt.filter((t) => t > 0).sort((a, b) => a - b);
    const row = this.report.row(this.detail.conn);
    const halves = [this.report.column("rttClient")[row], this.report.column("rttServer")[row]];
    const handshake = halves[0] > 0 && halves[1] > 0 ? halves[0] + halves[1] : 0;
    const trip = handshake || 2 * (this.detail.way[0] + this.detail.way[1]) || rtts[rtts.length >> 1] || (this.last - this.first) / 10;
    const i = Math.max(0, this.selection.index);
    const from = this.rungs[this.rungOf[i]]?.l ?? 0;
    this.zoomTo(from - trip * 0.1, from + trip * 1.1);
  }

  private zoom(by: number): void {
    if (!this.byTime) {
      // From evenly spaced rows: the time that is in view now.
      const [a, b] = [this.scroller.scrollTop, this.scroller.scrollTop + this.view()];
      const seen = this.rungs.filter((_, i) => this.places[i].from >= a - rowHeight && this.places[i].from <= b).map(leftAt);
      this.zoomTo(Math.min(...seen, this.last), Math.max(...seen, this.first + 1));
      return;
    }
    const y = this.nearest() - this.scroller.scrollTop;
    this.zoomAround(this.first + (this.scroller.scrollTop + y - head) / this.scale, (y - head) / (this.view() - head - foot), by);
  }

  // nearest returns the height of what is zoomed to: the chosen segment where
  // it is in view, else the row next to the middle.
  private nearest(): number {
    const [top, middle] = [this.scroller.scrollTop, this.scroller.scrollTop + this.view() / 2];
    const chosen = this.places[this.rungOf[this.selection.index]]?.from ?? -1;
    if (chosen >= top && chosen <= top + this.view()) return chosen;
    return this.places.reduce((best, p) => (Math.abs(p.from - middle) < Math.abs(best - middle) ? p.from : best), Infinity);
  }

  // zoomAround changes the scale and keeps a time at its share of the view.
  private zoomAround(time: number, share: number, by: number): void {
    const whole = (this.view() - head - foot) / (this.last - this.first);
    const scale = Math.max(whole, Math.min(this.scale * by, tallest / (this.last - this.first)));
    const span = (this.view() - head - foot) / scale;
    this.zoomTo(time - span * share, time + span * (1 - share));
  }

  private wheel(e: WheelEvent): void {
    if (!e.ctrlKey) return;
    e.preventDefault();
    if (!this.byTime) this.zoom(1);
    const y = e.clientY - this.scroller.getBoundingClientRect().top;
    this.zoomAround(this.first + (this.scroller.scrollTop + y - head) / this.scale, y / this.view(), e.deltaY < 0 ? 1.4 : 1 / 1.4);
  }

  private reveal(i: number): void {
    const p = this.places[this.rungOf[i]];
    if (!p) return;
    const [top, bottom] = [p.from - 40, Math.max(p.from, p.to) + 40];
    if (top < this.scroller.scrollTop || bottom > this.scroller.scrollTop + this.view()) this.scroller.scrollTop = p.from - this.view() / 3;
  }

  // layout gives every rung its place.
  private layout(): void {
    const first = this.places.length === 0;
    if (this.byTime) {
      const whole = (this.view() - head - foot) / (this.last - this.first);
      this.scale = Math.max(whole, Math.min(this.scale, tallest / (this.last - this.first)));
      const y = (t: number) => head + (t - this.first) * this.scale;
      this.places = this.rungs.map((r) => (r.s < 0 ? { from: y(r.t), to: y(r.t) } : { from: y(r.l), to: y(r.a) }));
      this.height = y(this.last) + foot;
    } else {
      const left: number[] = [];
      let y = head;
      this.places = this.rungs.map((r) => {
        if (r.s >= 0 && r.k & Leaves && this.detail.before[r.s] > 0) y += rowHeight;
        const p = { from: r.k & Leaves ? y : (left[r.s] ?? y), to: y + slant };
        if (r.k & Leaves) left[r.s] = y;
        y += rowHeight;
        return p;
      });
      this.height = y + foot;
    }
    this.order.sort((a, b) => this.upper(a) - this.upper(b));
    this.stretches = [this.lifeline(0), this.lifeline(1)];
    this.inner.style.height = this.height + "px";
    this.buttons.steps.setAttribute("aria-pressed", String(!this.byTime));
    if (first) this.reveal(this.selection.index);
    this.render();
  }

  private upper(rung: number): number {
    return Math.min(this.places[rung].from, this.places[rung].to);
  }

  // lifeline returns the stretches of an end's states.
  private lifeline(side: number): Stretch[] {
    const out: Stretch[] = [{ state: this.rungs[0]?.z[side] ?? 0, from: 0, to: 0 }];
    this.rungs.forEach((r, i) => {
      const last = out[out.length - 1];
      if (r.z[side] === last.state) return;
      const p = this.places[i];
      last.to = r.s >= 0 && this.detail.side[r.s] !== side ? p.to : p.from;
      out.push({ state: r.z[side], from: last.to, to: 0 });
    });
    out[out.length - 1].to = this.height;
    return out;
  }

  // Drawing.

  private render(): void {
    if (this.places.length === 0 || this.printing) return; // it has no size yet, or is on paper
    this.svg.style.top = this.scroller.scrollTop + "px";
    this.fill(this.svg, this.scroller.scrollTop, this.view(), Math.max(280, this.inner.clientWidth));
  }

  // fill draws a stretch of the ladder.
  private fill(svg: SVGElement, top: number, view: number, width: number): void {
    const g = geometry(width, this.detail.way);
    svg.setAttribute("width", String(width));
    svg.setAttribute("height", String(view));
    svg.setAttribute("viewBox", `0 ${top} ${width} ${view}`);
    const parts: Node[] = [s("line", { class: "tap", x1: g.tap, x2: g.tap, y1: top, y2: top + view })];
    const names: Node[] = [];
    this.names = [];
    for (const side of [0, 1]) parts.push(...this.life(side, g, top, top + view, names));
    const seen = this.order.filter((i) => this.upper(i) <= top + view + 30 && Math.max(this.places[i].from, this.places[i].to) >= top - 30);
    parts.push(...(seen.length > many ? this.crowd(seen, g) : this.arrows(seen, g)));
    svg.replaceChildren(...parts, ...names);
  }

  // life draws an end's states; their names are drawn over the arrows.
  private life(side: number, g: Geometry, top: number, bottom: number, names: Node[]): Node[] {
    const out: Node[] = [];
    const x = g.x[side];
    let free = -Infinity;
    for (const st of this.stretches[side]) {
      if (st.to < top || st.from > bottom) continue;
      const [a, b] = [Math.max(st.from, top - 5), Math.min(st.to, bottom + 5)];
      const name = this.report.head.states[st.state].name;
      out.push(s("rect", { class: "life s" + st.state, x: x - 5, y: a, width: 10, height: Math.max(1, b - a) }, s("title", {}, name)));
      const y = Math.max(st.from, top) + 11;
      if (y > bottom) continue;
      if (this.printing && top > st.from && top - st.from < 2 * rowHeight) continue; // named in the piece above
      const right = g.narrow === (side === 0);
      // Between the lifelines a name stands under the arrow that begins or ends there.
      const under = g.narrow ? y + 5 : y;
      if (y < free) {
        // Of two states that follow closely the later one is named.
        names.pop();
        if (g.narrow) this.names.pop();
      }
      free = y + 12;
      names.push(s("text", { class: "name", x: x + (right ? 9 : -9), y: under, "text-anchor": right ? "start" : "end" }, name));
      const far = x + (right ? 1 : -1) * (16 + name.length * letter);
      if (g.narrow) this.names.push({ left: Math.min(x, far), right: Math.max(x, far), top: under - 9, bottom: under + 3 });
    }
    return out;
  }

  // room returns what names leave of a line of text between the lifelines.
  private room(y: number, g: Geometry): [number, number] {
    let [left, right] = [g.x[0] + 8, g.x[1] - 8];
    for (const box of this.names) {
      if (y + 4 < box.top || y - 12 > box.bottom) continue; // it may be slanted
      if (box.right > g.mid) right = Math.min(right, box.left);
      else left = Math.max(left, box.right);
    }
    return [left, right];
  }

  // crowd draws many arrows as plain lines.
  private crowd(seen: number[], g: Geometry): Node[] {
    const paths = ["", ""];
    for (const i of seen) {
      const r = this.rungs[i];
      if (r.s < 0) continue;
      const from = this.detail.side[r.s];
      const p = this.places[i];
      paths[r.k & (Lost | Rejected) ? 1 : 0] += `M${g.x[from]} ${p.from.toFixed(1)}L${g.x[1 - from]} ${p.to.toFixed(1)}`;
    }
    const faint = Math.max(0.08, Math.min(1, many / 2 / seen.length));
    return [s("path", { class: "arrow thin", d: paths[0], "stroke-opacity": faint }), s("path", { class: "arrow bad thin", d: paths[1] })];
  }

  private arrows(seen: number[], g: Geometry): Node[] {
    const arrows: Node[] = [];
    const labels: Node[] = [];
    let free = -Infinity;
    for (const i of seen) {
      const r = this.rungs[i];
      const p = this.places[i];
      if (r.s < 0) {
        if (r.c && p.from > free) labels.push(s("text", { class: "says", x: g.mid, y: p.from + 14, "text-anchor": "middle" }, "(" + r.c + ")"));
        continue;
      }
      if (!(r.k & (Arrives | Lost))) continue; // drawn when it arrives
      const chosen = r.s === this.selection.index;
      const strong = chosen || r.s === this.pointed;
      arrows.push(this.arrow(r, p, g, strong));
      // A long way is crossed by others: its label stands where it begins.
      const long = Math.abs(p.to - p.from) > 1.5 * rowHeight;
      const y = long ? p.from - 3 : (p.from + p.to) / 2 - (r.k & Lost ? 8 : 4);
      const omitted = this.detail.before[r.s];
      if (omitted > 0 && !this.byTime) labels.push(s("text", { class: "says", x: g.mid, y: p.from - rowHeight / 2, "text-anchor": "middle" }, "… " + count(omitted) + " segments not included …"));
      if (y < free && !strong) continue;
      free = Math.max(free, y + labelRoom * (this.byTime ? 1 : 0));
      labels.push(...this.label(r, p, y, g, strong, long));
    }
    return [...arrows, ...labels];
  }

  private arrow(r: Rung, p: Place, g: Geometry, strong: boolean): Node {
    const from = this.detail.side[r.s];
    const inset = from === 0 ? 5 : -5;
    const x1 = g.x[from] + inset;
    let x2 = g.x[1 - from] - inset;
    let y2 = p.to;
    const bad = r.k & (Lost | Rejected);
    if (r.k & Lost) {
      // It passed the tap, and ended behind it.
      const share = Math.max(0.55, Math.min(0.88, (Math.abs(g.tap - x1) / Math.abs(x2 - x1) + 1) / 2));
      y2 = p.from + (p.to - p.from) * share;
      x2 = x1 + (x2 - x1) * share;
    }
    const kind = /^retransmission/.test(this.detail.class[r.s]) ? " again" : "";
    const group = s("g", { class: "segment" + (bad ? " bad" : kind) + (strong ? " strong" : ""), "data-segment": r.s });
    group.append(s("line", { class: "arrow", x1, y1: p.from, x2, y2 }));
    if (r.k & Lost) group.append(s("path", { class: "cross", d: `M${x2 - 5} ${y2 - 5}l10 10m0 -10l-10 10` }));
    else {
      const angle = (Math.atan2(y2 - p.from, x2 - x1) * 180) / Math.PI;
      group.append(s("path", { class: "tip", d: "M0 0L-8 -4V4z", transform: `translate(${x2} ${y2}) rotate(${angle})` }));
    }
    return group;
  }

  private label(r: Rung, p: Place, y: number, g: Geometry, strong: boolean, long: boolean): Node[] {
    const d = this.detail;
    const side = d.side[r.s];
    const write = (kind: string, text: string, y: number, ...more: Node[]) => {
      let [left, right] = [g.x[0], g.x[1]];
      if (g.narrow) [left, right] = this.room(y, g);
      const fits = g.narrow ? Math.max(2, Math.floor((right - left) / letter)) : Infinity;
      const short = text.length > fits ? text.slice(0, fits - 1) + "…" : text;
      if (long) return s("text", { class: kind, x: side ? right - 14 : left + 14, y, "text-anchor": side ? "end" : "start" }, short, ...more);
      // Along the arrow.
      const slope = ((Math.atan2(p.to - p.from, g.x[1] - g.x[0]) * 180) / Math.PI) * (side ? -1 : 1);
      const half = (short.length * letter) / 2;
      const x = left + half > right - half ? (left + right) / 2 : Math.max(left + half, Math.min(right - half, g.mid));
      return s("text", { class: kind, x, y, "text-anchor": "middle", transform: `rotate(${slope.toFixed(2)} ${g.mid} ${y})` }, short, ...more);
    };
    const text = g.narrow ? d.label[r.s].replace(/ seq .*?(?=$| len)/, "") : d.label[r.s];
    const out: Node[] = [write("label" + (strong ? " strong" : ""), text, y)];
    const time = g.narrow ? "#" + d.packet[r.s] : `#${d.packet[r.s]}  ${seconds(d.time[r.s])}`;
    out.push(s("text", { class: "time", x: 4, y: p.from + 4 }, time));
    if (d.found[r.s].length > 0) {
      const codes = d.found[r.s].map((c) => this.report.head.codes[c]);
      const grave = codes.some((c) => c.severity === "error") ? "error" : codes.some((c) => c.severity === "warning") ? "warning" : "note";
      const below = long ? y + 15 : (p.from + p.to) / 2 + 12;
      out.push(write("found " + grave, "! " + codes.map((c) => c.name).join(", "), below, s("title", {}, codes.map((c) => c.name + ": " + c.title).join("\n"))));
    }
    return out;
  }

  // under returns the segment nearest to the pointer.
  private under(e: PointerEvent): number {
    const b = this.svg.getBoundingClientRect();
    const g = geometry(b.width, this.detail.way);
    const [x, y] = [e.clientX - b.left, e.clientY - b.top + this.scroller.scrollTop];
    let best = -1;
    let distance = 14;
    this.rungs.forEach((r, i) => {
      if (r.s < 0 || !(r.k & (Arrives | Lost))) return;
      const from = this.detail.side[r.s];
      const share = Math.max(0, Math.min(1, (x - g.x[from]) / (g.x[1 - from] - g.x[from])));
      const p = this.places[i];
      const off = Math.abs(p.from + (p.to - p.from) * share - y);
      if (off < distance) [best, distance] = [r.s, off];
    });
    return best;
  }

  // print puts pieces in the place of what is in view, since a page can only
  // break between them: the first rows, or by time what is in view.
  print(on: boolean): void {
    this.printing = on;
    this.inner.replaceChildren(this.svg);
    if (!on) {
      this.layout();
      return;
    }
    if (this.places.length === 0) return;
    const from = this.byTime ? this.scroller.scrollTop : 0;
    const to = this.byTime ? from + this.view() : Math.min(this.height, printed * rowHeight);
    const pieces: SVGElement[] = [];
    for (let y = from; y < to; y += piece) {
      const svg = s("svg");
      this.fill(svg, y, Math.min(piece, to - y), paper);
      pieces.push(svg);
    }
    this.inner.replaceChildren(...pieces);
    if (!this.byTime && to < this.height) this.inner.append(h("p", {}, "… and " + count(this.rungs.length - printed) + " more rows"));
  }

}

function leftAt(r: Rung): number {
  return r.s < 0 ? r.t : r.l;
}

interface Geometry {
  narrow: boolean;
  x: [number, number]; // of the lifelines
  mid: number;
  tap: number;
}

function geometry(width: number, way: [number, number]): Geometry {
  const narrow = width < 520;
  const x: [number, number] = narrow ? [64, width - 14] : [196, width - 98];
  const whole = way[0] + way[1];
  const share = whole > 0 ? Math.max(0.08, Math.min(0.92, way[0] / whole)) : 0.5;
  return { narrow, x, mid: (x[0] + x[1]) / 2, tap: x[0] + (x[1] - x[0]) * share };
}
