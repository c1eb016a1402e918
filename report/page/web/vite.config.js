import { createHash } from "node:crypto";
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { defineConfig } from "vite";

// sources are the files that the bundle is made of.
const sources = ["package-lock.json", "vite.config.js", ...readdirSync("src").sort().map((name) => "src/" + name)];

// stamp writes beside the bundle what it was made from, so that a test can
// tell a stale one without building it.
const stamp = {
  name: "stamp",
  closeBundle() {
    const lines = sources.map((name) => createHash("sha256").update(readFileSync(name)).digest("hex") + "  " + name);
    writeFileSync("../dist/sources.sha256", lines.join("\n") + "\n");
  },
};

export default defineConfig({
  plugins: [stamp],
  build: {
    outDir: "../dist",
    emptyOutDir: true,
    target: "es2022",
    cssCodeSplit: false,
    modulePreload: false,
    license: { fileName: "licenses.md" },
    rollupOptions: {
      input: "src/main.ts",
      output: { format: "iife", entryFileNames: "page.js", assetFileNames: "page.[ext]" },
    },
  },
});
