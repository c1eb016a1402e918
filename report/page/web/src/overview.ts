// What the whole capture shows: tiles of verdicts, states of both ends,
// findings, and when each connection lived.

import { severities, type Report } from "./data.ts";
import { h, ink, onPaper, onScheme, soon } from "./dom.ts";
import { count, counted, elapsed } from "./format.ts";
import { type Filter } from "./filter.ts";
import { stateBox } from "./table.ts";

export type Narrow = (change: Partial<Filter>) => void;

// verdictTone says how a verdict looks: what ended well, what did not, what
// has not ended.
export function verdictTone(name: string): string {
  if (["refused", "reset", "timed-out", "scan", "refused-by-icmp", "unanswered"].includes(name)) return "bad";
  if (["half-open", "half-closed"].includes(name)) return "odd";
  if (name.startsWith("closed") || name === "time-wait" || name === "mid-stream-closed") return "good";
  return "plain";
}

// summary is what was read.
export function summary(r: Report): HTMLElement {
  const c = r.head.capture;
  const files = c.files ?? [];
  const facts = [counted(c.packets, "packet"), counted(c.tcp, "TCP segment"), counted(c.connections, "connection")];
  if (r.rows !== c.connections) facts.push(count(r.rows) + " chosen");
  if (c.first) facts.push("from " + c.first.replace("T", " ").replace("Z", " UTC"), "for " + elapsed(c.lastsNS));
  const notes: string[] = [];
  for (const [reason, n] of Object.entries(c.skipped)) notes.push(counted(n, "packet") + " not followed: " + reason);
  if (c.drops) notes.push("the capture itself reports " + counted(c.drops, "dropped packet"));
  if (c.fragments) notes.push("fragments are missing of " + counted(c.fragments, "IP datagram"));
  if (c.evicted) notes.push("written out early because of a limit: " + counted(c.evicted, "connection"));
  for (const e of c.errors ?? []) notes.push("problem: " + e);
  const s = r.head.segments;
  if (s.kept < s.total) {
    notes.push(
      "this page has the packets of " + count(s.kept) + " of " + counted(s.total, "segment") + ", those of connections with findings first; " +
        count(s.total - s.kept) + " segments are not included: analyze with --where to choose connections, or raise --page-segments",
    );
  }
  return h(
    "header",
    { class: "top" },
    h("h1", {}, "tcpstate report"),
    h("p", { class: "files" }, files.length > 3 ? count(files.length) + " files" : files.join(", ")),
    h("p", {}, facts.join(" · ")),
    notes.length > 0 && h("ul", { class: "notes" }, ...notes.map((n) => h("li", {}, n))),
  );
}

// tiles has a button for each verdict.
export function tiles(r: Report, narrow: Narrow): HTMLElement {
  const n = new Array<number>(r.head.verdicts.length).fill(0);
  for (let i = 0; i < r.rows; i++) n[r.verdict[i]]++;
  const order = n.map((_, v) => v).filter((v) => n[v] > 0).sort((a, b) => n[b] - n[a]);
  return h(
    "section",
    { class: "tiles", "aria-label": "Verdicts" },
    ...order.map((v) =>
      h(
        "button",
        { type: "button", class: "tile " + verdictTone(r.head.verdicts[v]), "data-verdict": r.head.verdicts[v], click: () => narrow({ verdict: v }) },
        h("strong", {}, count(n[v])),
        h("span", {}, r.head.verdicts[v]),
      ),
    ),
  );
}

// tally counts the states of both ends.
export function tally(r: Report, narrow: Narrow): HTMLElement {
  const n = [0, 1].map((side) => {
    const counts = new Array<number>(r.head.states.length).fill(0);
    for (let i = 0; i < r.rows; i++) counts[r.ends[side].state[i]]++;
    return counts;
  });
  const most = Math.max(1, ...n[0], ...n[1]);
  const cell = (state: number, side: number) => {
    const k = n[side][state];
    if (k === 0) return h("td", { class: "none" }, "–");
    const bar = h("span", { class: "share s" + state });
    bar.style.width = Math.max(2, (100 * k) / most) + "%";
    return h("td", {}, bar, h("button", { type: "button", class: "link", click: () => narrow({ state, side }), "aria-label": `${k} in ${r.head.states[state].name} at the ${["client", "server"][side]}` }, count(k)));
  };
  const rows = r.head.states
    .map((_, state) => state)
    .filter((state) => n[0][state] + n[1][state] > 0)
    .map((state) => h("tr", {}, h("th", { scope: "row" }, stateBox(r, state)), cell(state, 0), cell(state, 1)));
  return h(
    "section",
    { class: "card" },
    h("h2", {}, "Last states"),
    h("table", { class: "tally" }, h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "state"), h("th", { scope: "col" }, "client"), h("th", { scope: "col" }, "server"))), h("tbody", {}, ...rows)),
  );
}

// findings counts them by code, the gravest first.
export function findings(r: Report, narrow: Narrow): HTMLElement {
  const times = new Array<number>(r.head.codes.length).fill(0);
  const within = new Array<number>(r.head.codes.length).fill(0);
  const rows = new Array<number>(r.founds.length).fill(0);
  for (let i = 0; i < r.rows; i++) rows[r.found[i]]++;
  r.founds.forEach((f, i) =>
    f.codes.forEach((code, k) => {
      times[code] += rows[i] * f.counts[k];
      within[code] += rows[i];
    }),
  );
  for (const [code, n] of Object.entries(r.head.capture.findings)) times[Number(code)] += n;
  const grave = (code: number) => severities.indexOf(r.head.codes[code].severity);
  const order = times.map((_, code) => code).filter((code) => times[code] > 0).sort((a, b) => grave(b) - grave(a) || times[b] - times[a]);
  const list = order.map((code) => {
    const c = r.head.codes[code];
    const name = within[code] > 0 ? h("button", { type: "button", class: "link", click: () => narrow({ code }) }, c.name) : c.name;
    return h(
      "tr",
      {},
      h("td", {}, h("span", { class: "finding " + c.severity }, c.severity)),
      h("td", { class: "number" }, count(times[code])),
      h("th", { scope: "row" }, name),
      h("td", { class: "title" }, c.title),
    );
  });
  return h(
    "section",
    { class: "card wide" },
    h("h2", {}, "Findings"),
    list.length === 0
      ? h("p", {}, "None.")
      : h("table", { class: "codes" }, h("thead", {}, h("tr", {}, ...["severity", "times", "finding", "what it means"].map((t, i) => h("th", { scope: "col", class: i === 3 ? "title" : null }, t)))), h("tbody", {}, ...list)),
  );
}

// Lives is the timeline of connections.
export interface Lives {
  element: HTMLElement;
  show: (from: number, to: number) => void; // marks the time chosen
}

// lives draws every connection as a line from its first packet to its last.
// Dragging over it chooses those that lived in that time; so do two fields.
export function lives(r: Report, narrow: Narrow): Lives {
  const canvas = h("canvas", { role: "img", "aria-label": "Timeline of connections: each a line from its first packet to its last, in the order of their numbers. The table has the times." });
  const band = h("div", { class: "band" });
  const box = h("div", { class: "lives" }, canvas, band);
  const length = Math.max(1, r.head.capture.lastsNS);
  const paint = () => drawLives(r, canvas, length);
  new ResizeObserver(soon(paint)).observe(box);
  onScheme(paint);
  onPaper(paint);
  drag(box, band, (from, to) => narrow(to - from < 0.003 ? { from: -Infinity, to: Infinity } : { from: from * length, to: to * length }));
  const field = (label: string, change: () => void) => h("input", { type: "number", min: 0, step: "any", "aria-label": label, change });
  const given = (f: HTMLInputElement, otherwise: number) => (f.value.trim() === "" || !f.validity.valid ? otherwise : f.valueAsNumber * 1e9);
  const choose = () => {
    const [a, b] = [given(from, -Infinity), given(to, Infinity)];
    narrow({ from: Math.min(a, b), to: Math.max(a, b) });
  };
  const from = field("from, seconds after the first packet", choose);
  const to = field("to, seconds after the first packet", choose);
  const element = h(
    "section",
    { class: "card wide" },
    h("h2", {}, "Timeline of connections"),
    box,
    h("div", { class: "axis" }, h("span", {}, "0 s"), h("span", { class: "hint" }, "drag to choose a time, or from ", from, " s to ", to, " s"), h("span", {}, elapsed(r.head.capture.lastsNS))),
  );
  const show = (a: number, b: number) => {
    from.value = a > -Infinity ? String(tidy(a / 1e9)) : "";
    to.value = b < Infinity ? String(tidy(b / 1e9)) : "";
    const [left, right] = [Math.max(0, a / length), Math.min(1, b / length)];
    band.style.left = 100 * left + "%";
    band.style.width = a > -Infinity || b < Infinity ? Math.max(0, 100 * (right - left)) + "%" : "0";
  };
  return { element, show };
}

// tidy leaves out digits of seconds that nobody chose with a pointer.
function tidy(seconds: number): number {
  return Number(seconds.toFixed(6));
}

function drawLives(r: Report, canvas: HTMLCanvasElement, length: number): void {
  const ratio = devicePixelRatio || 1;
  const width = (canvas.width = Math.round(canvas.clientWidth * ratio));
  const height = (canvas.height = Math.round(canvas.clientHeight * ratio));
  const g = canvas.getContext("2d");
  if (!g || width === 0) return;
  const colors = r.head.verdicts.map((v) => ink(verdictTone(v)));
  const lane = height / Math.max(r.rows, 1);
  const thick = Math.max(1, Math.min(lane * 0.7, 10 * ratio));
  // Where lines are thinner than a pixel, each row of pixels shows the span
  // of what falls on it once for each colour.
  const seen = new Map<string, [number, number]>();
  for (let i = 0; i < r.rows; i++) {
    const y = Math.floor((i + 0.5) * lane - thick / 2);
    const x1 = (r.start[i] / length) * width;
    const x2 = Math.max(x1 + 1.5 * ratio, ((r.start[i] + r.lasts[i]) / length) * width);
    if (lane >= 1) {
      g.fillStyle = colors[r.verdict[i]];
      g.fillRect(x1, y, x2 - x1, thick);
      continue;
    }
    const key = colors[r.verdict[i]] + "|" + y;
    const span = seen.get(key);
    if (!span) seen.set(key, [x1, x2]);
    else {
      span[0] = Math.min(span[0], x1);
      span[1] = Math.max(span[1], x2);
    }
  }
  for (const [key, [x1, x2]] of seen) {
    const [color, y] = key.split("|");
    g.fillStyle = color;
    g.fillRect(x1, Number(y), x2 - x1, 1);
  }
}

// drag lets a stretch of a box be chosen; fn gets shares of its width.
function drag(box: HTMLElement, band: HTMLElement, fn: (from: number, to: number) => void): void {
  let start = -1;
  const at = (e: PointerEvent) => {
    const b = box.getBoundingClientRect();
    return Math.max(0, Math.min(1, (e.clientX - b.left) / b.width));
  };
  const show = (a: number, b: number) => {
    band.style.left = 100 * Math.min(a, b) + "%";
    band.style.width = 100 * Math.abs(b - a) + "%";
  };
  box.addEventListener("pointerdown", (e) => {
    start = at(e);
    box.setPointerCapture(e.pointerId);
    show(start, start);
  });
  box.addEventListener("pointermove", (e) => start >= 0 && show(start, at(e)));
  box.addEventListener("pointerup", (e) => {
    if (start < 0) return;
    const [a, b] = [start, at(e)];
    start = -1;
    fn(Math.min(a, b), Math.max(a, b));
  });
}
