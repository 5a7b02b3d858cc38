// What looks at pages in a browser: one that is started anew and asks nobody by itself, and what holds of every page.
import { createRequire } from "node:module";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export function must(what, is) {
  if (!is) throw new Error(`not so: ${what}`);
}

/** Opens a browser, and closes it once `look` has looked. */
export async function browse(modules, chromium, look) {
  const { chromium: browsers } = createRequire(join(modules, "package.json"))("playwright-core");
  const profile = mkdtempSync(join(tmpdir(), "narthex-page-"));
  const context = await browsers.launchPersistentContext(profile, {
    executablePath: chromium,
    headless: true,
    viewport: { width: 1200, height: 900 },
    args: [
      "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
      "--disable-background-networking", "--disable-component-update", "--disable-sync",
    ],
  });
  try {
    await look(context);
  } finally {
    await context.close();
    rmSync(profile, { recursive: true, force: true });
  }
}

/** Notes what goes wrong on any page, and what any page asks for; `end` says whether it was as it must be. */
export function watched(context, url, token) {
  const wrong = [];
  const asked = [];
  context.on("weberror", (error) => wrong.push(String(error.error())));
  context.on("console", (line) => {
    // What is refused for want of the token is meant, and the browser says so.
    if (line.type() === "error" && !line.text().includes("401")) wrong.push(line.text());
  });
  context.on("request", (request) => asked.push(request.url()));
  const end = () => {
    const own = `${new URL(url).origin}/`;
    must(`the page asks its node alone: ${asked.filter((at) => !at.startsWith(own))}`, asked.every((at) => at.startsWith(own)));
    must("no request has the token in its address", asked.every((at) => !at.split("#")[0].includes(token)));
    must(`no error: ${wrong}`, wrong.length === 0);
  };
  return { wrong, end };
}

/** Whatever is written can be read and nothing sticks out, by day and by night, wide and narrow; pictures of all four. */
export async function pictured(page, folder, name) {
  const grounds = [];
  for (const scheme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme: scheme });
    // Everything that is written can be read: contrast as WCAG 2.1 has it.
    const faint = await page.evaluate(() => {
      const parts = (text) => text.match(/[\d.]+/g).map(Number);
      const light = ([r, g, b]) => {
        const [x, y, z] = [r, g, b].map((c) => (c / 255 <= 0.04045 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4));
        return 0.2126 * x + 0.7152 * y + 0.0722 * z;
      };
      const ground = (element) => {
        for (let at = element; at; at = at.parentElement) {
          const box = at.matches("#graph g *, #graph g") ? at.closest("g").querySelector("rect") : null;
          const colour = box ? getComputedStyle(box).fill : getComputedStyle(at).backgroundColor;
          const found = parts(colour);
          if (found.length === 3 || found[3] > 0) return found;
        }
        return [255, 255, 255];
      };
      const found = [];
      for (const element of document.querySelectorAll("#node *")) {
        const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
        if (!own || element.closest("[hidden], title") || element.matches("title, :disabled")) continue;
        const style = getComputedStyle(element);
        const ink = parts(element.localName === "text" ? style.fill : style.color);
        const [a, b] = [light(ink), light(ground(element))].sort((x, y) => y - x);
        const contrast = (a + 0.05) / (b + 0.05);
        if (contrast < 4.5) found.push(`${element.localName}.${element.className} "${element.textContent.slice(0, 30)}" ${contrast.toFixed(2)}`);
      }
      return found;
    });
    must(`all can be read when it is ${scheme}: ${faint.slice(0, 5).join("; ")}`, faint.length === 0);
    grounds.push(await page.evaluate(() => getComputedStyle(document.body).backgroundColor));
    for (const width of [1200, 400]) {
      await page.setViewportSize({ width, height: 900 });
      const over = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
      must(`nothing sticks out at ${width} px (${over} px do)`, over <= 0);
      await page.screenshot({ path: join(folder, `${name}-${scheme}-${width}.png`), fullPage: true });
    }
  }
  must(`light and dark are two: ${grounds}`, grounds[0] !== grounds[1]);
}
