// One connection: what became of it, its ladder, its graphs and its packets.

import type { Detail, Report } from "./data.ts";
import { copy, h, onPaper } from "./dom.ts";
import { count, counted, elapsed, octets, seconds } from "./format.ts";
import { Graphs } from "./graphs.ts";
import { Ladder } from "./ladder.ts";
import { Packets } from "./packets.ts";
import { Selection } from "./selection.ts";
import { verdictTone } from "./overview.ts";
import { stateBox } from "./table.ts";

export interface Ways {
  back: () => void;
  move: (by: number) => void;
}

export class ConnectionView {
  readonly element: HTMLElement;
  private readonly selection: Selection;
  private readonly ladder: Ladder | null = null;
  private readonly packets: Packets | null = null;
  private readonly graphs: Graphs | null = null;
  private readonly off = new AbortController();

  constructor(
    private readonly report: Report,
    readonly row: number,
    private readonly detail: Detail | null,
    private readonly ways: Ways,
  ) {
    this.selection = new Selection(detail?.packet.length ?? 0);
    this.element = h("article", { class: "connection" }, this.head(), this.facts(), this.found());
    if (!detail) {
      this.element.append(
        h("p", { class: "absent" }, counted(report.packets(row), "segment") + " not included in this page. To see them: ", h("code", {}, `tcpstate analyze --where 'conn == ${report.conn[row]}' …`)),
      );
      return;
    }
    const missing = detail.before.reduce((a, b) => a + b, 0) + detail.left;
    if (missing > 0) {
      this.element.append(h("p", { class: "absent" }, `… ${count(missing)} of ${count(detail.total)} segments not included: a page has a limit, which --page-segments sets. The first, the last and those with something to say are here.`));
    }
    this.ladder = new Ladder(report, detail, this.selection);
    this.packets = new Packets(report, detail, this.selection);
    const pair = h("div", { class: "pair" }, this.ladder.element, this.timeline());
    pair.style.setProperty("--natural", Math.max(280, this.ladder.natural(), this.packets.natural()) + "px");
    this.element.append(pair);
    const [ladder, graphs] = [this.ladder, (this.graphs = new Graphs(detail, this.selection))];
    ladder.onZoom = (from, to) => graphs.showTime(from, to);
    graphs.onZoom = (from, to) => ladder.zoomTo(from, to);
    this.element.append(graphs.element, legend());
    onPaper((on) => this.print(on), this.off.signal);
  }

  private head(): HTMLElement {
    const r = this.report;
    const go = (text: string, title: string, fn: () => void) => h("button", { type: "button", title, click: fn }, text);
    return h(
      "header",
      { class: "top" },
      h("nav", { class: "bar" }, go("← All connections", "back to the table (Escape)", this.ways.back), go("Previous", "the one above in the table ([)", () => this.ways.move(-1)), go("Next", "the one below in the table (])", () => this.ways.move(1))),
      h("h1", {}, "Connection " + r.conn[this.row] + ": ", h("span", { class: "ends" }, r.endpoint(this.row, 0) + " → " + r.endpoint(this.row, 1))),
      h("p", { class: "sentence " + verdictTone(r.head.verdicts[r.verdict[this.row]]) }, r.sentence(this.row)),
    );
  }

  // facts are the numbers of the connection's record.
  private facts(): HTMLElement {
    const r = this.report;
    const i = this.row;
    const list = h("dl", { class: "facts" });
    const add = (name: string, ...value: (Node | string)[]) => list.append(h("div", {}, h("dt", {}, name), h("dd", {}, ...value)));
    for (const side of [0, 1]) {
      const e = r.ends[side];
      add(["client", "server"][side], stateBox(r, e.state[i]), " " + r.head.certainty[e.sure[i]]);
    }
    const both = (of: (side: number) => string) => of(0) + " + " + of(1);
    add("began", seconds(r.start[i]) + " s");
    add("lasted", elapsed(r.lasts[i]));
    add("packets", both((s) => count(r.ends[s].packets[i])));
    add("bytes", both((s) => octets(r.ends[s].bytes[i])));
    add("sent again", both((s) => count(r.ends[s].again[i])));
    const [c, s] = [r.column("rttClient")[i], r.column("rttServer")[i]];
    if (c > 0 || s > 0) add("handshake to client, to server", c > 0 ? elapsed(c) : "?", ", ", s > 0 ? elapsed(s) : "?");
    const tap = r.head.taps[r.column("tap")[i]];
    if (tap !== "unknown") add("captured", tap.replace("-", " the "));
    return list;
  }

  private found(): HTMLElement | string {
    const f = this.report.findings(this.row);
    if (f.codes.length === 0) return "";
    return h(
      "ul",
      { class: "found-list" },
      ...f.codes.map((code, k) => {
        const c = this.report.head.codes[code];
        const first = this.detail?.found.findIndex((x) => x.includes(code)) ?? -1;
        return h(
          "li",
          {},
          h("span", { class: "finding " + c.severity }, c.severity),
          " ",
          first >= 0 ? h("button", { type: "button", class: "link", title: "show the packet", click: () => this.selection.pick(first) }, c.name) : h("strong", {}, c.name),
          (f.counts[k] > 1 ? " ×" + f.counts[k] : "") + ": " + c.title + " ",
          h("span", { class: "cite" }, c.cite),
        );
      }),
    );
  }

  private timeline(): HTMLElement {
    const button = h("button", { type: "button", title: "copy this connection's timeline (c)", click: () => void this.copy(button) }, "Copy as text");
    button.dataset.copy = "";
    return h("section", { class: "card packets-card" }, h("h2", {}, "Packets"), h("div", { class: "bar" }, button, h("span", { class: "zone" }, "times: " + this.report.head.zone)), this.packets!.element);
  }

  // text is the connection as the command's timeline has it.
  text(): string {
    const r = this.report;
    const d = this.detail;
    const head = `connection ${r.conn[this.row]}: client ${r.endpoint(this.row, 0)}, server ${r.endpoint(this.row, 1)}\n${r.sentence(this.row)}\n\n`;
    if (!d) return head;
    return head + d.text.map((t, i) => (d.before[i] > 0 ? `… ${d.before[i]} segments not included …\n` : "") + t).join("");
  }

  private copy(button: HTMLButtonElement): Promise<void> {
    return copy(this.text(), button);
  }

  // start draws what needs a size, and chooses a packet.
  start(packet: number): void {
    this.element.querySelector<HTMLElement>("nav button")?.focus({ preventScroll: true });
    if (this.detail) this.pick(packet);
  }

  pick(packet: number): void {
    const i = this.detail?.packet.indexOf(packet) ?? -1;
    if (i >= 0) this.selection.pick(i);
  }

  key(e: KeyboardEvent): void {
    const at = this.selection.index;
    const actions: Record<string, () => void> = {
      Escape: this.ways.back,
      "[": () => this.ways.move(-1),
      "]": () => this.ways.move(1),
      ArrowDown: () => this.selection.pick(at + 1),
      ArrowUp: () => this.selection.pick(at - 1),
      j: () => this.selection.pick(at + 1),
      k: () => this.selection.pick(at - 1),
      d: () => this.graphs?.turn(),
      Home: () => this.selection.pick(0),
      End: () => this.selection.pick(Infinity),
      c: () => void this.copy(this.element.querySelector<HTMLButtonElement>("[data-copy]")!),
    };
    if (!this.detail && e.key !== "Escape" && e.key !== "[" && e.key !== "]") return;
    const act = actions[e.key];
    if (act) {
      e.preventDefault();
      act();
    } else if (this.ladder?.key(e.key)) e.preventDefault();
  }

  private print(on: boolean): void {
    this.ladder?.print(on);
    this.packets?.print(on);
    this.graphs?.print(on);
  }

  close(): void {
    this.off.abort();
    this.graphs?.close();
  }
}

// legend explains the signs of ladder and graphs.
function legend(): HTMLElement {
  const entry = (kind: string, text: string) => h("li", {}, h("span", { class: "key " + kind }), text);
  return h(
    "ul",
    { class: "legend", "aria-label": "Signs" },
    entry("sent", "segment"), entry("again", "sent again (R)"), entry("ack", "acknowledged"), entry("edge", "window edge"), entry("sack", "SACK"),
    h("li", {}, h("span", { class: "lost" }, "✕"), "lost behind the capture point"),
  );
}
