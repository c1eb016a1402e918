// What the tests share: a browser, the program, its reports.

import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { gunzipSync } from "node:zlib";

const root = resolve(import.meta.dirname, "../../../..");
const work = mkdtempSync(join(tmpdir(), "tcpstate-page-"));
process.on("exit", () => rmSync(work, { recursive: true, force: true }));

const chromiums = [process.env.CHROMIUM, "/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];
export const chromium = chromiums.find((path) => path && existsSync(path));
export const skip = chromium ? false : "no Chromium is installed: set CHROMIUM to its path";

let tool = process.env.TCPSTATE ?? "";

function go(...args) {
  return execFileSync(process.env.GO ?? "go", args, { cwd: root, maxBuffer: 1 << 30 });
}

// tcpstate runs the program and returns what it prints.
export function tcpstate(...args) {
  if (!tool) {
    tool = join(work, "tcpstate");
    go("build", "-o", tool, "./cmd/tcpstate");
  }
  return execFileSync(tool, args, { encoding: "utf8", maxBuffer: 1 << 30, env: { ...process.env, TZ: "UTC" } });
}

export function lab(name) {
  return join(root, "testdata/pcaps", name + ".pcap");
}

// report writes the page of captures and returns its address.
export function report(name, ...args) {
  const file = join(work, name + ".html");
  tcpstate("analyze", "-f", "html", "-o", file, ...args);
  return "file://" + file;
}

// records returns the NDJSON of captures by type.
export function records(...args) {
  const out = {};
  for (const line of tcpstate("analyze", "-f", "ndjson", "--segments", ...args).split("\n")) {
    if (line) (out[JSON.parse(line).type] ??= []).push(JSON.parse(line));
  }
  return out;
}

// large makes the capture of 200,000 connections.
export function large() {
  const file = join(work, "short.pcap");
  go("run", "./internal/capgen/cmd", "short", "2000000", file);
  return file;
}

// details returns the connections of a report with their segments.
export function details(url) {
  const chunks = readFileSync(fileURLToPath(url), "utf8").matchAll(/<script[^>]* id="chunk\d+"[^>]*>([^<]*)</g);
  return [...chunks].flatMap(([, packed]) => JSON.parse(gunzipSync(Buffer.from(packed, "base64"))));
}

// nothing makes a capture without packets.
export function nothing() {
  const file = join(work, "nothing.pcap");
  writeFileSync(file, readFileSync(lab("close-client")).subarray(0, 24));
  return [file];
}

// launch starts a browser with an empty profile.
export async function launch() {
  const { chromium: browser } = await import("playwright-core");
  const profile = mkdtempSync(join(work, "profile-"));
  return browser.launchPersistentContext(profile, {
    executablePath: chromium,
    headless: true,
    args: ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
    permissions: ["clipboard-read", "clipboard-write"],
  });
}

// open shows a page; what its console complains of is gathered.
export async function open(context, url, { width = 1280, dark = false } = {}) {
  const page = await context.newPage();
  page.setDefaultTimeout(60_000);
  page.complaints = [];
  page.on("console", (m) => ["error", "warning"].includes(m.type()) && page.complaints.push(m.text()));
  page.on("pageerror", (e) => page.complaints.push(String(e)));
  await page.setViewportSize({ width, height: 900 });
  await page.emulateMedia({ colorScheme: dark ? "dark" : "light" });
  await page.goto(url);
  await page.waitForSelector("html[data-ready]");
  return page;
}

// faults returns what axe-core finds wrong with what is shown.
export async function faults(page) {
  const axe = createRequire(import.meta.url).resolve("axe-core/axe.min.js");
  if (!(await page.evaluate(() => "axe" in window))) {
    await page.evaluate(readFileSync(axe, "utf8"));
  }
  const { violations } = await page.evaluate(() => window.axe.run(document));
  return violations.map((v) => v.id + ": " + v.nodes.map((n) => n.html.slice(0, 160) + " " + (n.any[0]?.message ?? n.all[0]?.message ?? n.none[0]?.message ?? "")).slice(0, 3).join(" | "));
}

// shoot takes pictures for people to look at, where SHOTS names a directory.
export async function shoot(context, url, name) {
  if (!process.env.SHOTS) return;
  for (const width of [1280, 400]) {
    for (const dark of [false, true]) {
      const page = await open(context, url, { width, dark });
      await page.waitForTimeout(200);
      await page.screenshot({ path: join(process.env.SHOTS, `${name}-${width}-${dark ? "dark" : "light"}.png`), fullPage: true });
      await page.close();
    }
  }
}
