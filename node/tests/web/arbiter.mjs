// Looks at the page of an arbiter in a browser as its operator does: node arbiter.mjs MODULES CHROMIUM URL TOKEN CONTRACT FOLDER PHASE
// PHASE: `keeping`, it stands by in one contract; `hearing`, that is before it; `over`, it has ruled and was paid; `offers`, it has an offer
// on chain, of the identity CONTRACT, and no case.
// What it finds wrong it throws; what it saw it writes to FOLDER as pictures.
import { browse, must, pictured, watched } from "./browser.mjs";

const [modules, chromium, url, token, contract, folder, phase] = process.argv.slice(2);

await browse(modules, chromium, async (context) => {
  const page = context.pages()[0] ?? (await context.newPage());
  const { wrong, end } = watched(context, url, token);
  page.on("response", (response) => {
    // Browsers ask for an icon by themselves, and there is none.
    if (!response.ok() && !response.url().endsWith("/favicon.ico")) wrong.push(`${response.status()} ${response.url()}`);
  });

  // Nothing is shown without the token; a link may bring it, and it does not stay in the address.
  await page.goto(url);
  await page.getByLabel("Token").waitFor();
  must("nothing is shown without the token", !(await page.locator("#node").isVisible()));
  await page.goto("about:blank");
  await page.goto(`${url}#token=${token}`);
  await page.locator(phase === "offers" ? "#offer-list tr" : "#case-list tr").first().waitFor();
  must("the token is not in the address", !page.url().includes(token));

  const text = async (id) => (await page.locator(`#${id}`).innerText()).trim();
  if (phase === "offers") {
    const offers = await text("offers");
    must(`the offer: ${offers}`, offers.includes(contract.slice(0, 10)) && offers.includes("stands"));
    must(`when the next is made: ${offers}`, /The next offer is made at height [0-9,]+ \(in [1-9][0-9]* blocks?, about /.test(offers));
    must(`what is locked: ${offers}`, /[1-9][0-9,]* sat in bonds, [1-9][0-9,]* sat paid/.test(offers));
    must("no alarm", (await page.locator("#alarms li").count()) === 0);
    await pictured(page, folder, `arbiter-${phase}`);
    end();
    return;
  }
  must("no offer is shown where none is wanted", !(await page.locator("#offers").isVisible()));
  const row = await text("case-list");
  must(`the case is there: ${row}`, row.includes(contract.slice(0, 10)));
  must(`and in one state: ${row}`, (await page.locator("#state-list li").count()) === 1);
  must("a bar of states", (await page.locator("#bar span").count()) === 1);
  must("no alarm", (await page.locator("#alarms li").count()) === 0);
  const health = await text("health-list");
  must(`a box: ${health}`, health.includes("judged in a box") && /answered [0-9]+ s ago/.test(health));
  must("bounds", (await text("bound-list")).includes("at least 1,000 sat"));
  const [net, locked, due] = [await text("net"), await text("locked"), await text("next")];
  if (phase === "over") {
    must(`the ruling: ${row}`, row.includes("the verifier is at fault, attested"));
    must(`what it has brought: ${net}`, /^\+[1-9][0-9,]* sat$/.test(net) && row.includes(net));
    must(`nothing is staked: ${locked}`, locked === "0 sat");
    must(`retainer and more: ${await text("money-list")}`, /retainers[^]*\+2,000 sat[^]*earned for rulings[^]*\+[1-9]/.test(await text("money-list")));
  } else {
    must(`nothing is earned yet: ${net}`, net === "0 sat");
    must(`it has staked: ${locked}`, locked === "250,000 sat");
    must(`when: ${due}`, /^in [1-9][0-9]* blocks?$/.test(due));
    const dates = await text("date-list");
    must(`dates: ${dates}`, dates.includes(phase === "hearing" ? "the ruling must be attested" : "the worker's delivery is due"));
    must(`with times: ${dates}`, /[0-9]{1,2} [A-Z][a-z]+ 20[0-9]{2}/.test(dates));
  }
  await pictured(page, folder, `arbiter-${phase}`);

  // The page of the node is beside it, with the same token.
  await page.getByRole("link", { name: "Node" }).click();
  await page.locator("#about-list dd").first().waitFor();

  end();
});
