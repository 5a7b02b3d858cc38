// Looks at the page of a node in a browser as a user does: node page.mjs MODULES CHROMIUM URL TOKEN CONTRACT FOLDER PHASE
// PHASE: `live`, the contract is funded and no more; `over`, its result is decrypted.
// What it finds wrong it throws; what it saw it writes to FOLDER as pictures.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { browse, must, pictured, watched } from "./browser.mjs";

const [modules, chromium, url, token, contract, folder, phase] = process.argv.slice(2);

await browse(modules, chromium, async (context) => {
  const page = context.pages()[0] ?? (await context.newPage());
  const { end } = watched(context, url, token);

  // A wrong token opens nothing, and is said to be wrong.
  await page.goto(url);
  await page.getByLabel("Token").fill("wrong");
  await page.getByRole("button", { name: "Open" }).click();
  await page.getByText("This token does not open the node.").waitFor();
  must("nothing is shown without the token", !(await page.locator("#node").isVisible()));

  // The right one does.
  await page.getByLabel("Token").fill(token);
  await page.getByRole("button", { name: "Open" }).click();
  await page.locator("#contract-id").getByText(contract.slice(0, 16)).waitFor();
  await page.locator("#contract-facts .state.live").waitFor();
  await page.locator("#graph svg rect").first().waitFor();
  // What is on chain is marked in the picture and in the table, alike.
  const onChain = phase === "live" ? ["Tx0"] : ["Tx0", "S3"];
  const rows = await page.locator("#graph-list tr.confirmed td:first-child").allInnerTexts();
  must(`on chain are ${onChain}, not ${rows}`, rows.join() === onChain.join());
  const marked = page.locator("#graph text", { hasText: "in block" });
  must("the live path is marked", (await marked.count()) === onChain.length);
  must("others are there", (await page.locator("#graph rect").count()) > 5);
  const closed = await page.locator("#graph-list tr.closed").count();
  must(`${closed} cannot come any more`, phase === "live" ? closed === 0 : closed > 5);
  const dates = await page.locator("#timeline").innerText();
  const ahead = /in [0-9]+ blocks?, about [0-9]+ [A-Z]/;
  if (phase === "live") {
    must("dates", (await page.locator("#timeline .date").count()) > 4);
    must("estimates of times", ahead.test(dates));
  } else {
    must(`what was, and nothing that is to come: ${dates}`, dates.includes("ended by S3") && dates.includes("funded") && !ahead.test(dates));
    must("no date of what came to nothing", !/is due|had its time|last height/.test(dates));
  }
  must("a date of now", (await page.locator("#timeline .date.now").count()) === 1);
  must("balance", /[1-9][0-9,]* sat/.test(await page.locator("#about-list").innerText()));
  must("peers", (await page.locator("#peer-list tr").count()) === 5);
  await page.locator("#event-list li", { hasText: "live" }).first().waitFor();

  await page.getByRole("button", { name: "New address" }).click();
  await page.locator("#address", { hasText: "bcrt1" }).waitFor();

  // The result is saved as it is, once it is there.
  const save = page.getByRole("button", { name: "Save the result" });
  if (phase === "over") {
    const [saved] = await Promise.all([page.waitForEvent("download"), save.click()]);
    const bytes = readFileSync(await saved.path());
    const hash = createHash("sha256").update(bytes).digest("hex");
    must(`${hash} is saved`, saved.suggestedFilename() === `${hash}.bin`);
    must(`${hash} is shown`, (await page.locator("#contract-facts").innerText()).includes(hash));
  } else must("there is nothing to save yet", !(await save.isVisible()));

  await pictured(page, folder, `page-${phase}`);

  // A link with the token opens it too, and nothing of it stays in the address.
  const other = await context.newPage();
  await other.goto(`${url}#token=${token}`);
  await other.locator("#contract-facts .state").waitFor();
  must("the token is not in the address", !other.url().includes(token));

  end();
});
