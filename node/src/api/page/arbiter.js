"use strict";
// The page of an arbiter: what GET /v1/arbiter says.

/** Of which kind a state is, by which it has its colour. */
const KINDS = {
  asked: "new", "set-up": "new", starting: "new", keeping: "keeps", hearing: "busy", ruling: "busy", ruled: "busy", asking: "busy",
  attesting: "busy", attested: "done", settled: "done", over: "done", silent: "quiet",
};
/** What a state means. */
const MEANS = {
  asked: "offers that wait for the operator",
  "set-up": "being signed and funded",
  starting: "being read again after a start",
  keeping: "standing by",
  hearing: "hearing evidence",
  ruling: "being judged",
  ruled: "ruled, and not fixed yet",
  asking: "fixed: the others are asked what they have of it",
  attesting: "about to be attested",
  attested: "attested",
  settled: "settled",
  over: "over",
  silent: "silent: nothing is ruled",
};
const ORDER = Object.keys(KINDS);
/** Blocks that are near. */
const SOON = 6;

const short = (id) => `${id.slice(0, 10)}…`;
const blocks = (count) => `${count.toLocaleString("en")} ${count === 1 ? "block" : "blocks"}`;
const signed = (count) => (count > 0 ? `+${sat(count)}` : count < 0 ? `\u2212${sat(-count)}` : sat(0));
const way = (count) => (count > 0 ? "up" : count < 0 ? "down" : "");
const bytes = (count) => {
  const units = ["bytes", "KiB", "MiB", "GiB", "TiB"];
  let at = 0;
  while (count >= 1024 && at + 1 < units.length) [count, at] = [count / 1024, at + 1];
  return `${count.toLocaleString("en", { maximumFractionDigits: 1 })} ${units[at]}`;
};

function put(id, text, style) {
  const element = $(id);
  element.textContent = text;
  if (style !== undefined) element.className = style;
}

function swatch(state) {
  const box = made("span", "", `swatch ${KINDS[state] ?? "new"}`);
  box.setAttribute("aria-hidden", "true");
  return box;
}

function cell(text, style = "") {
  return made("td", text, style);
}

function showTiles(status, due) {
  const { bounds, money } = status;
  put("open", status.open_cases.toLocaleString("en"));
  put("open-of", `of at most ${bounds.max_cases.toLocaleString("en")}`);
  const next = due[0];
  if (!next) put("next", "\u2013");
  else if (next.height != null && status.tip != null) put("next", `in ${blocks(next.height - status.tip)}`);
  else put("next", clock(next.unix_s ?? 0));
  put("next-what", next ? `${next.about_s == null ? "" : `about ${clock(next.about_s)}: `}${next.what}` : "nothing is due");
  put("net", signed(money.net_sat), `big ${way(money.net_sat)}`);
  const over = status.cases.filter((one) => one.ended).length + status.archived;
  put("net-of", `of ${over.toLocaleString("en")} ${over === 1 ? "case" : "cases"} with an end`);
  put("locked", sat(money.locked_sat));
  const held = status.cases.filter((one) => one.money.locked_sat > 0).length;
  put("locked-of", `in ${held} ${held === 1 ? "case" : "cases"}`);
}

function showStates(states) {
  const rank = (state) => (ORDER.indexOf(state) + ORDER.length) % ORDER.length;
  const all = Object.entries(states).sort(([a], [b]) => rank(a) - rank(b));
  $("bar").replaceChildren(...all.map(([state, count]) => {
    const part = made("span", "", KINDS[state] ?? "new");
    part.style.flexGrow = String(count);
    return part;
  }));
  $("state-list").replaceChildren(...all.map(([state, count]) => {
    const item = made("li");
    item.append(swatch(state), made("b", count.toLocaleString("en")), ` ${MEANS[state] ?? state}`);
    return item;
  }));
  if (all.length === 0) $("state-list").append(made("li", "None.", "pale"));
}

function showMoney(money) {
  const rows = [
    ["retainers", money.retainers_sat],
    ["earned for rulings", money.earned_sat],
    ["lost of stakes", -money.lost_sat],
    ["fees of taking stakes back", -money.fees_sat],
  ];
  const most = Math.max(1, ...rows.map(([, count]) => Math.abs(count)));
  const list = rows.map(([name, count]) => {
    const row = made("tr");
    const gauge = made("div", "", `gauge ${way(count) || "none"}`);
    gauge.style.width = `${(100 * Math.abs(count)) / most}%`;
    const bar = cell("", "wide");
    bar.append(gauge);
    row.append(cell(name), bar, cell(signed(count), way(count)));
    return row;
  });
  const total = made("tr", "", "total");
  total.append(cell("net"), cell(""), cell(signed(money.net_sat), way(money.net_sat)));
  $("money-list").replaceChildren(...list, total);
}

function showDates(due, tip) {
  $("no-dates").hidden = due.length > 0;
  $("date-table").hidden = due.length === 0;
  $("date-list").replaceChildren(...due.slice(0, 12).map((date) => {
    const left = date.height == null || tip == null ? null : date.height - tip;
    const row = made("tr", "", left != null && left <= SOON ? "soon" : "");
    const about = date.about_s ?? date.unix_s;
    row.append(
      cell(short(date.id)),
      cell(date.height == null ? "" : date.height.toLocaleString("en")),
      cell(left == null ? "" : blocks(left)),
      cell(about == null ? "" : clock(about)),
      cell(date.what, "wide"),
    );
    return row;
  }));
}

function caseRow(one) {
  const row = made("tr");
  const state = cell("", "state");
  state.append(swatch(one.state), one.state);
  const { retainers_sat, earned_sat, lost_sat, fees_sat } = one.money;
  const ruling = one.ruling == null ? "" : `the ${one.ruling} is at fault${one.attested ? ", attested" : ""}`;
  row.append(
    cell(short(one.id)),
    cell(`arbiter${one.seat}`),
    state,
    cell(ruling, "wide"),
    cell(`${sat(one.stake_sat)}, ${one.stake}`),
    cell(sat(one.retainer_sat)),
    cell(one.ended ? signed(one.money.net_sat) : "", one.ended ? `sum ${way(one.money.net_sat)}` : ""),
    cell(one.ended ? `${one.ended.by} in block ${one.ended.height.toLocaleString("en")}` : ""),
  );
  row.title = one.ended ? `${retainers_sat} retainer, ${earned_sat} earned, ${lost_sat} lost, ${fees_sat} fees (sat)` : one.id;
  return row;
}

function showCases(cases) {
  $("no-cases").hidden = cases.length > 0;
  $("case-table").hidden = cases.length === 0;
  $("case-list").replaceChildren(...cases.map(caseRow));
}

/** Number that the next page of the archive is before, once one was shown; null behind the last. */
let before;

function showArchive(count) {
  $("archive").hidden = count === 0;
  put("archive-of", `${count.toLocaleString("en")} ${count === 1 ? "case is" : "cases are"} counted above, and no start reads them.`);
}

async function showMore() {
  const more = $("archive-more");
  more.disabled = true;
  try {
    const page = await json(`/v1/archive?most=50${before === undefined ? "" : `&before=${before}`}`);
    before = page.next;
    $("archive-list").append(...page.contracts.filter((one) => one.case != null).map((one) => caseRow(one.case)));
    $("archive-table").hidden = false;
    put("archive-error", "");
    more.textContent = "Show earlier ones";
    more.hidden = before == null;
  } catch (error) {
    put("archive-error", String(error.message ?? error));
  } finally {
    more.disabled = false;
  }
}

/** What a state of an offer means, and its colour. */
const OFFERS = {
  waiting: ["new", "in no block yet"], standing: ["done", "stands"], free: ["keeps", "ended; its bond goes into the next"],
  rolling: ["busy", "its bond goes into the next"], returning: ["busy", "its bond goes back to the wallet"], over: ["keeps", "its bond is spent"],
  lost: ["quiet", "came to nothing"],
};

function showOffers(offering, tip) {
  $("offers").hidden = offering == null;
  if (offering == null) return;
  const { amount_sat, next_height, next_about_s, is_asked, locked_sat, fees_sat, margin_blocks } = offering;
  let next = "No further offer is made.";
  if (amount_sat != null && is_asked) next = "The next offer is made with the next block.";
  else if (amount_sat != null && next_height == null) next = "The next offer is made as soon as it can be.";
  else if (amount_sat != null) {
    const left = tip == null ? 0 : next_height - tip;
    const when = left > 0 ? `in ${blocks(left)}${next_about_s == null ? "" : `, about ${clock(next_about_s)}`}` : "now";
    next = `The next offer is made at height ${next_height.toLocaleString("en")} (${when}), ${blocks(margin_blocks)} before the last one ends.`;
  }
  put("offers-next", `${next} ${sat(locked_sat)} in bonds, ${sat(fees_sat)} paid in fees for them.`);
  $("offer-list").replaceChildren(...offering.offers.map((one) => {
    const row = made("tr");
    const [kind, means] = OFFERS[one.state] ?? ["new", one.state];
    const box = made("span", "", `swatch ${kind}`);
    box.setAttribute("aria-hidden", "true");
    const state = cell("", "state");
    state.append(box, means);
    const left = tip == null ? null : one.end_height - tip;
    const place = cell(one.outpoint == null ? "" : short(one.outpoint));
    if (one.outpoint != null) place.title = one.outpoint;
    row.append(
      cell(short(one.identity)),
      state,
      cell(one.end_height.toLocaleString("en")),
      cell(left == null ? "" : left > 0 ? blocks(left) : "ended"),
      cell(one.end_about_s == null ? "" : clock(one.end_about_s)),
      cell(sat(one.value_sat), "sum"),
      cell(sat(one.fees_sat), "sum"),
      place,
    );
    row.title = one.identity;
    return row;
  }));
}

function showAlarms(status, now_s) {
  const alarms = [];
  for (const one of status.cases) {
    if (one.silent != null) alarms.push([`Case ${short(one.id)} is silent`, one.silent]);
    else if (one.trouble != null) alarms.push([`Case ${short(one.id)}`, one.trouble]);
  }
  if (status.burned != null) alarms.push(["No new case is taken", `since ${clock(status.burned.unix_s)}, for ever: ${status.burned.reason}`]);
  if (status.offering?.trouble != null) alarms.push(["The offer on chain", status.offering.trouble]);
  if (!status.judge.is_boxed) alarms.push(["No box", "questions are judged in the node's own process"]);
  else if (status.judge.found?.includes("DOES NOT HOLD") || status.judge.found?.includes("cannot be judged")) alarms.push(["The box", status.judge.found]);
  const age_s = status.looked_s == null ? null : now_s - status.looked_s;
  if (age_s == null || age_s > 120) alarms.push(["The chain", age_s == null ? "it was not seen yet" : `the Bitcoin node has not answered for ${age_s} s`]);
  $("alarms").replaceChildren(...alarms.map(([name, words]) => {
    const item = made("li");
    item.append(made("b", name), `: ${words}`);
    return item;
  }));
}

function showFacts(status, now_s) {
  const { bounds } = status;
  const age_s = status.looked_s == null ? null : Math.max(0, now_s - status.looked_s);
  facts($("health-list"), [
    ["height", status.tip?.toLocaleString("en") ?? "not seen yet"],
    ["Bitcoin node", age_s == null ? "has not answered yet" : `answered ${age_s} s ago`],
    ["judges", status.judge.found ?? (status.judge.is_boxed ? "in a box" : "in its own process")],
    ["silent cases", status.cases.filter((one) => one.silent != null).length],
    ["is offered as", status.address ? `${status.node}@${status.address}` : `${status.node}, not reachable for others`, "mono"],
  ]);
  facts($("bound-list"), [
    ["takes part", bounds.accepts ? `by itself, up to a stake of ${sat(bounds.max_stake_sat)}` : "when its operator says so"],
    ["retainer", bounds.min_retainer_sat > 0 ? `at least ${sat(bounds.min_retainer_sat)}` : "none is asked for"],
    ["cases at once", bounds.max_cases.toLocaleString("en")],
    ["evidence of a party", `at most ${bytes(bounds.max_evidence_bytes)}`],
    ["kept of a contract", `at most ${bytes(bounds.max_blob_bytes)}`],
    ["fuel of a step", `at most ${bounds.max_step_fuel.toLocaleString("en")}`],
  ]);
}

async function refresh() {
  const status = await json("/v1/arbiter");
  const now_s = Math.floor(Date.now() / 1000);
  const at = (date) => date.about_s ?? date.unix_s ?? 0;
  const due = status.cases.flatMap((one) => one.dates.map((date) => ({ ...date, id: one.id })));
  due.sort((a, b) => at(a) - at(b) || (a.height ?? 0) - (b.height ?? 0));
  showAlarms(status, now_s);
  showTiles(status, due);
  showStates(status.states);
  showMoney(status.money);
  showDates(due, status.tip);
  showCases(status.cases);
  showArchive(status.archived);
  showOffers(status.offering, status.tip);
  showFacts(status, now_s);
}

$("archive-more").addEventListener("click", showMore);
begin({ refresh, events: () => {}, anew: () => {} });
