import { defineConfig } from "vite";

// The build is the same, byte for byte, wherever it is made: names have a hash of the content, and nothing tells of the machine.
export default defineConfig({
  build: {
    outDir: "dist",
    emptyOutDir: true,
    target: "es2022",
    sourcemap: false,
    modulePreload: false,
    assetsInlineLimit: 0,
  },
  server: { proxy: { "/api": process.env["LEVADA_SERVER"] ?? "http://127.0.0.1:8265" } },
});
