// The report in a browser, held against NDJSON and the timeline.

import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { dirname } from "node:path";
import { after, before, describe, test } from "node:test";
import { details, faults, lab, large, launch, nothing, open, records, report, shoot, skip, tcpstate } from "./report.mjs";

let context;
before(async () => {
  if (!skip) context = await launch();
});
after(async () => context?.close());

const grouped = (n) => String(n).replace(/\B(?=(\d{3})+(?!\d))/g, "\u202f");
const shown = (page) => page.textContent(".shown");
const rows = (page) => page.locator(".connections tbody tr:not(.gap)");
const column = (page, kind) => page.locator(`.connections tbody td.${kind}, .connections tbody th.${kind}`).allTextContents();

// facts are the numbers above the ladder.
const facts = (page) => page.locator(".facts > div").evaluateAll((list) => Object.fromEntries(list.map((e) => [e.querySelector("dt").textContent, e.querySelector("dd").textContent])));

// ns is a time's distance from another, both with nanoseconds.
const ns = (ts, since) => Number(instant(ts) - instant(since));
const instant = (ts) => BigInt(Date.parse(ts.slice(0, 19) + "Z")) * 1_000_000n + BigInt(/\.(\d+)/.exec(ts)?.[1].padEnd(9, "0") ?? 0);
const octets = (n) => (n < 1000 ? n + "\u202fB" : (n / 1000).toFixed(n < 10_000 ? 2 : n < 100_000 ? 1 : 0) + "\u202fkB");
const milli = (n) => (n < 1e6 ? Number((n / 1e3).toFixed(n < 1e5 ? 2 : 1)) + " µs" : n < 1e9 ? Number((n / 1e6).toFixed(n < 1e8 ? 2 : 1)) + " ms" : Number((n / 1e9).toFixed(3)) + " s");
const sum = (counts) => Object.values(counts).reduce((a, b) => a + b, 0);

// wanted is what facts must say, by a connection's record.
function wanted(c, capture) {
  const out = {
    client: `${c.client_state} ${c.client_certainty}`,
    server: `${c.server_state} ${c.server_certainty}`,
    began: (Math.trunc(ns(c.first_ts, capture.first_ts) / 1e3) / 1e6).toFixed(6) + " s",
    lasted: milli(ns(c.last_ts, c.first_ts)),
    packets: `${c.packets.client} + ${c.packets.server}`,
    bytes: `${octets(c.bytes.client)} + ${octets(c.bytes.server)}`,
    "sent again": `${sum(c.retransmissions.client)} + ${sum(c.retransmissions.server)}`,
  };
  const { client_ns, server_ns, tap } = c.rtt;
  if (client_ns || server_ns) out["handshake to client, to server"] = [client_ns, server_ns].map((n) => (n ? milli(n) : "?")).join(", ");
  if (tap !== "unknown") out.captured = tap.replace("-", " the ");
  return out;
}

// sameSegments holds what the graphs draw against the records of segments.
function sameSegments(d, segments, c) {
  const side = (s) => (s.role === "server" ? 1 : 0);
  const kind = (s) => s.class + (s.class === "retransmission" ? ` (${s.kind})` : "");
  const pairs = {
    packet: (s) => s.packet, side, seq: (s) => s.rel_seq, class: kind, marks: (s) => s.marks, repeats: (s) => s.repeats,
    time: (s) => ns(s.ts, segments[0].ts),
    len: (s) => s.len + (s.flags.match(/[SF]/g)?.length ?? 0),
    ack: (s) => (s.flags.includes(".") ? s.rel_ack : -1),
    window: (s) => s.scaled_win ?? -1, // of a RST nothing is said
  };
  for (const [name, of] of Object.entries(pairs)) assert.deepEqual(d[name], segments.map(of), name);
  assert.deepEqual(d.text.map((t) => Number(/length (\d+)/.exec(t)[1])), segments.map((s) => s.len), "tcpdump's lengths");
  for (const [i, end] of ["client", "server"].entries()) {
    // The graph counts numbers, of which SYN and FIN take one.
    const beyond = Math.max(...d.flight[i]) - c.in_flight_max[end];
    assert.ok(beyond === 0 || beyond === 1, `${end}'s octets in flight: ${beyond} more`);
    // An ACK of what this end sent was sent by the other.
    const trips = d.rtt.filter((t, k) => t > 0 && d.side[k] === 1 - i);
    if (c.ack_rtt?.[end]?.min_ns) assert.ok(trips.includes(c.ack_rtt[end].min_ns), end + "'s shortest round trip");
  }
}

for (const name of ["lost-data", "lost-third-ack-data", "simultaneous-close", "rst-unread", "time-wait-reuse"]) {
  test(name, { skip }, async () => {
    const want = records(lab(name));
    const url = report(name, lab(name));
    const page = await open(context, url);
    assert.equal(await rows(page).count(), want.connection.length);
    for (const [i, c] of want.connection.entries()) {
      const text = await rows(page).nth(i).textContent();
      for (const part of [c.client, c.server, c.client_state, c.server_state, c.verdict_detail]) assert.ok(text.includes(part), `row ${i + 1} has ${part}: ${text}`);
      const cell = (kind) => rows(page).nth(i).locator("td." + kind).textContent();
      assert.equal(await cell("packets"), grouped(c.packets.client + c.packets.server));
      assert.equal(await cell("bytes"), octets(c.bytes.client + c.bytes.server));
      assert.equal(await cell("again"), String(sum(c.retransmissions.client) + sum(c.retransmissions.server)));
      assert.equal(await cell("when"), (Math.trunc(ns(c.first_ts, want.capture[0].first_ts) / 1e3) / 1e6).toFixed(6));
      assert.equal(await cell("lasts"), milli(ns(c.last_ts, c.first_ts)));
    }
    assert.deepEqual(await faults(page), []);

    const c = want.connection[0];
    const segments = want.segment.filter((s) => s.conn === c.conn);
    await rows(page).first().click();
    await page.waitForSelector(".timeline [role=option]");
    assert.equal(await page.locator(".timeline [role=option]").first().getAttribute("aria-setsize"), String(segments.length));
    assert.match(await page.textContent(".sentence"), new RegExp(c.verdict_detail.slice(0, 20).replace(/[.*+?^${}()|[\]\\]/g, "\\$&")));
    assert.deepEqual(await faults(page), []);
    assert.deepEqual(await facts(page), wanted(c, want.capture[0]));
    const found = await page.locator(".found-list li").evaluateAll((list) => Object.fromEntries(list.map((li) => /\S+ (\S+?)(?: ×(\d+))?: /.exec(li.textContent)).map(([, code, n]) => [code, Number(n ?? 1)])));
    assert.deepEqual(found, c.findings);
    sameSegments(details(url).find((d) => d.conn === c.conn), segments, c);

    // The ladder: every segment captured has an arrow; the lost ones a cross.
    await page.locator(".ladder").evaluate((e) => (e.style.height = "4000px"));
    await page.waitForFunction((n) => document.querySelectorAll(".ladder .segment").length >= n, segments.length);
    const lost = segments.filter((s) => s.marks.includes("lost-after-tap")).length;
    assert.ok((await page.locator(".ladder .cross").count()) >= lost, "lost segments end in a cross");
    const states = await page.locator(".ladder .life title").allTextContents();
    assert.ok(states.includes(c.client_state) && states.includes(c.server_state), "the lifelines end in the record's states");
    assert.equal(await page.locator(".graphs canvas").count(), 3);
    assert.deepEqual(page.complaints, []);
    await page.close();
    await shoot(context, url + "#connection=" + c.conn, name);
  });
}

test("ladder, packets and graphs move together", { skip }, async () => {
  const want = records(lab("lost-data"));
  const page = await open(context, report("linked", lab("lost-data")) + "#connection=1&packet=5");
  const chosen = () => page.locator(".timeline [aria-selected=true]").innerText();
  // What is chosen is drawn with the next frame.
  const chosenIs = (n) => page.waitForFunction((n) => document.querySelector(".timeline [aria-selected=true]")?.textContent.startsWith("#" + n + " "), n);
  await chosenIs(5);
  assert.match(await chosen(), /^#5 .*seq 1001:2001.*\n\s+lost after the tap: sent again as #11/);
  await page.waitForSelector(".ladder .segment.strong[data-segment='4']");

  await page.keyboard.press("ArrowDown");
  await chosenIs(6);
  await page.keyboard.press("End");
  await chosenIs(want.segment.length);
  await page.keyboard.press("Home");
  await chosenIs(1);

  // The pointer over an arrow marks its packet, a click chooses it.
  await page.waitForSelector(".ladder .segment[data-segment='2']");
  const box = await page.locator(".ladder .segment[data-segment='2'] line").boundingBox();
  await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2);
  await page.waitForSelector(".timeline .packet.pointed");
  assert.match(await page.locator(".timeline .packet.pointed").innerText(), /^#3 /);
  await page.mouse.click(box.x + box.width / 2, box.y + box.height / 2);
  await chosenIs(3);

  // Zoom: by time the whole life fits; one round trip is a part of it.
  const tall = () => page.locator(".ladder .inner").evaluate((e) => e.clientHeight);
  await page.keyboard.press("0");
  const whole = await tall();
  const view = await page.locator(".ladder").evaluate((e) => e.clientHeight);
  assert.ok(Math.abs(whole - view) < 4, `the whole life takes ${whole} of ${view} pixels`);
  await page.keyboard.press("+");
  assert.ok((await tall()) > whole * 1.8);
  for (let i = 0; i < 6; i++) await page.keyboard.press("+");
  await page.waitForSelector(".ladder .segment.strong"); // what was chosen stays in view
  await page.keyboard.press("r");
  const life = want.segment.at(-1).ts.slice(17, -1) - want.segment[0].ts.slice(17, -1);
  const trip = (want.connection[0].rtt.client_ns + want.connection[0].rtt.server_ns) / 1e9;
  assert.ok((await tall()) > (whole * life) / trip / 2.5, "one round trip fills the view");

  // A click in the graph chooses the packet at that time.
  await page.keyboard.press("0");
  const over = page.locator(".plot .u-over").first();
  await over.scrollIntoViewIfNeeded();
  const plot = await over.boundingBox();
  await page.mouse.move(plot.x + plot.width * 0.2, plot.y + 60);
  await page.mouse.click(plot.x + plot.width - 3, plot.y + 60);
  await chosenIs(want.segment.length);

  // The pointer reads the graphs: what was sent last and how far it is acknowledged there.
  await page.mouse.move(plot.x + plot.width - 3, plot.y + 80);
  const last = want.segment.at(-1);
  const acked = Math.max(...want.segment.filter((s) => s.role === "server").map((s) => s.rel_ack));
  const legend = page.locator(".plot").first().locator(".u-legend");
  assert.match(await legend.textContent(), new RegExp(`^time${milli(ns(last.ts, want.segment[0].ts))}.*acknowledged${acked}\\D`, "s"));

  // Dragging in a graph zooms all of them and the ladder.
  await page.mouse.move(plot.x + plot.width * 0.1, plot.y + 60);
  await page.mouse.down();
  await page.mouse.move(plot.x + plot.width * 0.3, plot.y + 60, { steps: 4 });
  await page.mouse.up();
  await page.waitForFunction((h) => document.querySelector(".ladder .inner").clientHeight > h * 2, whole);
  assert.deepEqual(page.complaints, []);
  await page.close();
});

test("accessible in dark and narrow", { skip }, async () => {
  const url = report("dark", lab("time-wait-reuse"));
  for (const hash of ["", "#connection=1"]) {
    for (const width of [400, 1280]) {
      const page = await open(context, url + hash, { width, dark: true });
      assert.deepEqual(await faults(page), [], `${hash} at ${width} pixels`);
      assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), `${hash} does not fit ${width} pixels`);
      await page.close();
    }
  }
});

// Boxes of texts as they are drawn, without the room that letters leave free.
const boxes = (page, kind) => page.locator(".ladder " + kind).evaluateAll((list) => list.map((e) => ({ text: e.textContent, ...e.getBoundingClientRect().toJSON() })));
const meet = (a, b) => Math.min(a.right, b.right) - Math.max(a.left, b.left) > 2 && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 6;

test("on a narrow screen the ladder's words stand clear of each other", { skip }, async () => {
  for (const name of ["lost-third-ack", "time-wait-reuse", "half-close", "syn-unanswered", "rst-unread"]) {
    const page = await open(context, report("narrow-" + name, lab(name)) + "#connection=1", { width: 400 });
    await page.waitForSelector(".ladder .name");
    for (const key of ["s", "0", "r"]) {
      await page.keyboard.press(key);
      await page.waitForTimeout(50);
      const states = await boxes(page, ".name");
      for (const word of [...(await boxes(page, ".label")), ...(await boxes(page, ".found"))]) {
        assert.deepEqual(states.filter((s) => meet(s, word)).map((s) => s.text), [], `${name}, ${key}: ${word.text}`);
      }
    }
    await page.close();
  }
});

test("a connection on paper", { skip }, async () => {
  const page = await open(context, report("paper", lab("lost-data")) + "#connection=1", { dark: true });
  await page.waitForSelector(".ladder .segment");
  await page.evaluate(() => dispatchEvent(new Event("beforeprint")));
  const segments = records(lab("lost-data")).segment.length;
  const drawn = await page.locator(".ladder .segment").evaluateAll((list) => new Set(list.map((e) => e.dataset.segment)).size);
  assert.equal(drawn, segments, "all arrows, not only those in view");
  assert.ok((await page.locator(".ladder svg").count()) > 1, "pages can break between pieces");
  assert.equal(await page.locator(".timeline [role=option]").count(), segments);
  assert.ok((await page.pdf({ format: "A4" })).length > 20_000);
  await page.evaluate(() => dispatchEvent(new Event("afterprint")));
  assert.equal(await page.locator(".ladder svg").count(), 1);
  await page.waitForSelector(".ladder .segment");
  assert.deepEqual(page.complaints, []);
  await page.close();
});

test("a capture without connections", { skip }, async () => {
  const page = await open(context, report("none", ...nothing()));
  assert.match(await page.textContent("main"), /0 TCP segments.*There is no connection to show/);
  assert.equal(await page.locator(".connections").count(), 0);
  assert.deepEqual(await faults(page), []);
  assert.deepEqual(page.complaints, []);
  await page.close();
});

test("copy as text", { skip }, async () => {
  const page = await open(context, report("copied", lab("lost-data")) + "#connection=1");
  await page.click("[data-copy]");
  await page.waitForFunction(() => document.querySelector("[data-copy]").textContent === "Copied");
  const text = await page.evaluate(() => navigator.clipboard.readText());
  const timeline = tcpstate("analyze", lab("lost-data")).split("\n\n")[0];
  assert.equal(text.slice(text.indexOf("\n\n") + 2).trimEnd(), timeline);
  await page.close();
});

describe("many connections", { skip }, () => {
  const files = readdirSync(dirname(lab("x"))).filter((f) => f.endsWith(".pcap")).map((f) => lab(f.slice(0, -5)));
  let want, url, page;
  before(async () => {
    if (skip) return;
    want = records(...files);
    url = report("all", ...files);
    page = await open(context, url);
  });

  test("tiles, states and findings are those of NDJSON", async () => {
    const count = (of) => want.connection.reduce((n, c) => ({ ...n, [of(c)]: (n[of(c)] ?? 0) + 1 }), {});
    const verdicts = count((c) => c.verdict);
    const tiles = await page.locator(".tile").evaluateAll((list) => Object.fromEntries(list.map((t) => [t.dataset.verdict, Number(t.querySelector("strong").textContent)])));
    assert.deepEqual(tiles, verdicts);
    for (const [i, side] of ["client", "server"].entries()) {
      const tally = await page.locator(".tally tbody tr").evaluateAll((list, i) => Object.fromEntries(list.map((tr) => [tr.children[0].textContent, Number(tr.children[i + 1].textContent.replace("–", "0"))]).filter((p) => p[1])), i);
      assert.deepEqual(tally, count((c) => c[side + "_state"]));
    }
    const codes = {};
    for (const c of [...want.connection, ...want.capture]) for (const [code, n] of Object.entries(c.findings ?? {})) codes[code] = (codes[code] ?? 0) + n;
    const listed = await page.locator(".codes tbody tr").evaluateAll((list) => Object.fromEntries(list.map((tr) => [tr.children[2].textContent, Number(tr.children[1].textContent)])));
    assert.deepEqual(listed, codes);
  });

  test("sort", async () => {
    const title = (text) => page.locator(".connections thead button", { hasText: text });
    await title("packets").click(); // the most first
    const packets = (await column(page, "packets")).map(Number);
    assert.deepEqual(packets, want.connection.map((c) => c.packets.client + c.packets.server).sort((a, b) => b - a).slice(0, packets.length));
    await title("packets").click();
    assert.equal(await page.locator("th[aria-sort]").getAttribute("aria-sort"), "ascending");
    assert.equal(Number((await column(page, "packets"))[0]), Math.min(...packets, ...want.connection.map((c) => c.packets.client + c.packets.server)));
    await title("#").click();
  });

  test("search and filter", async () => {
    const c = want.connection.find((c) => c.verdict === "refused");
    await page.fill("input[type=search]", c.server);
    assert.equal(await rows(page).count(), want.connection.filter((k) => k.server.includes(c.server) || k.client.includes(c.server) || k.verdict_detail.includes(c.server)).length);
    await page.fill("input[type=search]", "#3");
    assert.deepEqual(await column(page, "number:first-child"), ["3"]);
    await page.fill("input[type=search]", "");
    await page.selectOption("select[aria-label=Verdict]", { label: "reset" });
    assert.match(await shown(page), new RegExp("^" + want.connection.filter((k) => k.verdict === "reset").length + " of "));
    await page.selectOption("select[aria-label=Verdict]", { label: "any verdict" });
    await page.selectOption("select[aria-label=State]", { label: "TIME-WAIT" });
    assert.match(await shown(page), new RegExp("^" + want.connection.filter((k) => [k.client_state, k.server_state].includes("TIME-WAIT")).length + " of "));
    await page.selectOption("select[aria-label=State]", { label: "any state" });
    const [code] = Object.keys(want.connection.find((k) => Object.keys(k.findings).length).findings);
    await page.selectOption("select[aria-label=Finding]", { label: code });
    assert.match(await shown(page), new RegExp("^" + want.connection.filter((k) => k.findings[code]).length + " of "));
    await page.selectOption("select[aria-label=Finding]", { label: "any finding" });
    await page.locator(".lives").scrollIntoViewIfNeeded();
    const lives = await page.locator(".lives").boundingBox();
    await page.mouse.move(lives.x + 1, lives.y + 20);
    await page.mouse.down();
    await page.mouse.move(lives.x + lives.width * 0.1, lives.y + 20, { steps: 3 });
    await page.mouse.up();
    const begin = Date.parse(want.capture[0].first_ts);
    const early = want.connection.filter((k) => Date.parse(k.first_ts) - begin <= (Date.parse(want.capture[0].last_ts) - begin) * 0.1).length;
    assert.match(await shown(page), new RegExp("^" + early + " of "));
    await page.click(".chip");
    assert.equal(await shown(page), want.connection.length + " connections");
    assert.equal(await page.locator(".band").evaluate((e) => e.clientWidth), 0, "no time is marked any more");
    await page.fill("input[type=search]", "no such thing");
    assert.match(await page.textContent(".nothing"), /^No connection/);
    await page.locator("input[type=search]").press("Escape");
    assert.equal(await shown(page), want.connection.length + " connections");
  });

  test("a time, by keyboard", async () => {
    const since = (ts) => ns(ts, want.capture[0].first_ts) / 1e9;
    await page.getByLabel("from, seconds").focus();
    await page.keyboard.type("7");
    await page.keyboard.press("Tab");
    const late = want.connection.filter((k) => since(k.last_ts) >= 7);
    assert.match(await shown(page), new RegExp("^" + late.length + " of "));
    await page.keyboard.type("8.5");
    await page.keyboard.press("Enter");
    const within = late.filter((k) => since(k.first_ts) <= 8.5);
    assert.ok(within.length > 0 && within.length < late.length);
    assert.match(await shown(page), new RegExp("^" + within.length + " of "));
    assert.equal(await page.textContent(".chip"), "7 s to 8.5 s ✕");
    assert.ok((await page.locator(".band").evaluate((e) => e.clientWidth)) > 50, "the time is marked");
    await page.click(".chip");
    assert.equal(await page.getByLabel("to, seconds").inputValue(), "");
  });

  test("keyboard", async () => {
    await page.keyboard.press("/");
    assert.equal(await page.evaluate(() => document.activeElement.type), "search");
    await page.locator(".connections tbody a[tabindex='0']").focus();
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("ArrowDown");
    assert.equal(await page.evaluate(() => document.activeElement.textContent), "3");
    await page.keyboard.press("End");
    assert.equal(await page.evaluate(() => document.activeElement.textContent), String(want.connection.length));
    await page.keyboard.press("Enter");
    await page.waitForSelector("article.connection");
    assert.match(await page.textContent("h1"), new RegExp("^Connection " + want.connection.length + ":"));
    await page.keyboard.press("Escape");
    await page.waitForSelector(".connections");
  });

  test("on paper", async () => {
    await page.emulateMedia({ media: "print" });
    await page.evaluate(() => dispatchEvent(new Event("beforeprint")));
    assert.equal(await rows(page).count(), want.connection.length);
    await page.evaluate(() => dispatchEvent(new Event("afterprint")));
    await page.emulateMedia({ media: "screen" });
    assert.deepEqual(page.complaints, []);
    await page.close();
    await shoot(context, url, "all");
  });
});

const short = process.env.PAGE_LARGE === "0" ? "PAGE_LARGE=0 leaves out the report of 200,000 connections" : false;

test("200,000 connections", { skip: skip || short, timeout: 600_000 }, async (t) => {
  const url = report("large", large());
  const began = performance.now();
  const page = await open(context, url);
  const count = await page.evaluate(() => document.querySelector(".connections").getAttribute("aria-rowcount"));
  t.diagnostic(`interactive after ${await page.getAttribute("html", "data-ready")} ms by the page's clock, ${Math.round(performance.now() - began)} ms by ours`);
  assert.equal(count, "200001");
  assert.ok((await rows(page).count()) < 100, "only rows in view are drawn");
  assert.match(await page.textContent(".notes"), /50.000 of 2.000.000 segments.*1.950.000 segments are not included/);

  const timed = async (what, fn) => {
    const start = performance.now();
    await fn();
    t.diagnostic(`${what}: ${Math.round(performance.now() - start)} ms`);
  };
  await timed("sort", () => page.locator(".connections thead button", { hasText: "client" }).first().click());
  await timed("search", () => page.fill("input[type=search]", "#150000"));
  assert.deepEqual(await column(page, "number:first-child"), ["150000"]);
  await rows(page).first().click();
  await page.waitForSelector(".absent");
  assert.match(await page.textContent(".absent"), /10 segments not included.*conn == 150000/);
  await page.keyboard.press("Escape");
  await page.fill("input[type=search]", "");
  await page.locator(".connections thead button", { hasText: "#" }).click();
  await page.locator(".scroller").evaluate((e) => (e.scrollTop = e.scrollHeight));
  await page.waitForFunction(() => [...document.querySelectorAll(".connections tbody th")].some((e) => e.textContent === "200000"));
  await page.fill("input[type=search]", "#7");
  await rows(page).first().click();
  await page.waitForSelector(".timeline [role=option]");
  assert.equal(await page.locator(".timeline [role=option]").first().getAttribute("aria-setsize"), "10");
  assert.deepEqual(page.complaints, []);
  await page.close();
});
