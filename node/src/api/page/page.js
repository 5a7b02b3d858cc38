"use strict";
// The page of a node.

let chosen = "";
let contracts = [];
let tip = null;
let round = 0;

function showNode(node) {
  tip = node.tip ?? null;
  facts($("about-list"), [
    ["id", node.node, "mono"],
    ["address", node.address || "not reachable for others", node.address ? "mono" : ""],
    ["height", tip ?? "not seen yet"],
    ["balance", sat(node.balance_sat)],
    ["of it free", sat(node.spare_sat)],
    ["kept back for fees", sat(node.reserve_sat)],
    ["contracts", node.archived > 0 ? `${node.contracts}, and ${node.archived.toLocaleString("en")} put away` : node.contracts],
  ]);
}

function showContracts(all) {
  contracts = all;
  $("no-contracts").hidden = all.length > 0;
  if (!all.some((contract) => contract.id === chosen)) chosen = all[0]?.id ?? "";
  const focused = document.activeElement?.dataset?.id;
  const items = all.map((contract) => {
    const button = made("button");
    button.type = "button";
    button.dataset.id = contract.id;
    button.setAttribute("aria-current", String(contract.id === chosen));
    button.append(
      made("span", contract.id.slice(0, 16) + "…", "mono"),
      made("span", `as ${contract.role}`),
      made("span", contract.standing ? `${contract.state}, ${contract.standing}` : contract.state, `state ${contract.state}`),
    );
    button.addEventListener("click", () => {
      chosen = contract.id;
      $("action-error").textContent = "";
      refresh();
    });
    const item = made("li");
    item.append(button);
    return item;
  });
  $("contract-list").replaceChildren(...items);
  if (focused) $("contract-list").querySelector(`[data-id="${CSS.escape(focused)}"]`)?.focus();
}

function showContract(contract) {
  $("contract").hidden = !contract;
  if (!contract) return;
  $("contract-id").textContent = contract.id.slice(0, 16) + "…";
  facts($("contract-facts"), [
    ["state", contract.state, `state ${contract.state}`],
    ["taking part as", contract.role],
    ["deposit", sat(contract.deposit_sat)],
    ["job", `${contract.job.state}, ${contract.job.here_bytes} of ${contract.job.bytes} bytes`],
    ["accepted", contract.accepted.join(", ")],
    ["waiting for", contract.awaits.join(", ")],
    ["attempt", contract.attempt],
    ["why", contract.cause],
    ["standing", contract.standing],
    ["on chain", contract.path.map((tx) => `${tx.name} at ${tx.height}`).join(", ")],
    ["publishes", contract.due.map((due) => (due.until == null ? due.name : `${due.name} up to ${due.until}`)).join(", ")],
    ["result", contract.result?.sha256, "mono"],
    ["result's file", contract.result?.file, "mono"],
    ["trouble", contract.trouble],
    ["offer", contract.id, "mono"],
    ["contract", contract.contract, "mono"],
    ["funding", contract.funding, "mono"],
    ["live at height", contract.live_at],
  ]);
  const isAsked = contract.state === "asked";
  const isFinal = ["committed", "live", "withdrawing", "dropped", "declined", "over", "waiting"].includes(contract.state);
  $("accept").hidden = $("decline").hidden = !isAsked;
  $("leave").hidden = isAsked || isFinal || contract.attempt == null;
  const works = contract.role === "worker" && contract.standing != null;
  $("deliver").hidden = $("admit").hidden = !works;
  $("reason-label").hidden = $("decline").hidden && $("leave").hidden;
  $("save").hidden = contract.result == null;
  $("contract-actions").hidden = !isAsked && $("leave").hidden && !works && $("save").hidden;
}

function showDates(dates) {
  // Until when an offer may be accepted says nothing of a contract that lives. What says nothing of one that is over the node leaves out.
  const isLive = contracts.some((contract) => contract.id === chosen && contract.state === "live");
  const items = dates.filter((date) => date.height != null || !isLive).map((date) => ({ ...date, key: date.height ?? -1 }));
  if (tip !== null) {
    const at = items.findIndex((date) => date.height != null && date.height > tip);
    const now = { what: "now", height: tip, isNow: true };
    items.splice(at < 0 ? items.length : at, 0, now);
  }
  $("timeline").replaceChildren(...items.map((date) => {
    const item = made("div", "", `date${date.is_past ? " past" : ""}${date.isNow ? " now" : ""}`);
    const when = date.height != null ? `height ${date.height}` : clock(date.unix_s);
    item.append(made("b", when), made("span", date.what));
    if (date.height != null && tip !== null && date.height > tip) {
      const blocks = date.height - tip;
      const about = date.about_s == null ? "" : `, about ${clock(date.about_s)}`;
      item.append(made("span", `in ${blocks} ${blocks === 1 ? "block" : "blocks"}${about}`, "pale"));
    }
    return item;
  }));
}

function showTable(transactions) {
  const table = made("table");
  const head = made("tr");
  for (const name of ["name", "means", "published by", "pays"]) head.append(made("th", name));
  table.append(head);
  for (const tx of transactions) {
    const row = made("tr", "", tx.state);
    const pays = tx.pays.map((pay) => {
      const sum = pay.least_sat === pay.most_sat ? sat(pay.most_sat) : `${pay.least_sat.toLocaleString("en")} to ${sat(pay.most_sat)}`;
      return `${pay.to} ${sum}`;
    });
    row.append(
      made("td", tx.variants > 1 ? `${tx.name} ×${tx.variants}` : tx.name),
      made("td", tx.state === "confirmed" ? `${tx.meaning} (block ${tx.height})` : tx.meaning, "wide"),
      made("td", tx.broadcasters.join(", "), "wide"),
      made("td", pays.join("; "), "wide"),
    );
    table.append(row);
  }
  $("graph-list").replaceChildren(table);
}

async function showGraph(id) {
  const graph = await json(`/v1/contracts/${id}/graph`);
  if (id !== chosen) return;
  showDates(graph.dates);
  if (graph.transactions.length === 0) {
    $("graph").replaceChildren(made("p", "Nothing is signed yet.", "pale"));
    $("graph-list").replaceChildren();
    return;
  }
  const text = await (await ask(`/v1/contracts/${id}/graph.svg`)).text();
  if (id !== chosen) return;
  const picture = new DOMParser().parseFromString(text, "image/svg+xml").documentElement;
  const isPicture = picture.localName === "svg" && !picture.querySelector("script, foreignObject");
  $("graph").replaceChildren(isPicture ? document.importNode(picture, true) : made("p", "The picture does not read.", "bad"));
  showTable(graph.transactions);
}

function showPeers(peers) {
  const rows = peers.map((peer) => {
    const row = made("tr");
    row.append(
      made("td", peer.node),
      made("td", peer.connected ? "connected" : "away"),
      made("td", peer.link),
      made("td", String(peer.contracts)),
    );
    return row;
  });
  $("peer-list").replaceChildren(...rows);
}

function showEvents(events) {
  const list = $("event-list");
  for (const event of events) {
    const item = made("li");
    const time = made("time", second(event.unix_s));
    time.title = clock(event.unix_s);
    item.append(time, event.contract && !event.words.includes(event.contract.slice(0, 8)) ? made("span", event.contract.slice(0, 8) + "… ", "mono") : "", made("span", event.words));
    list.prepend(item);
  }
  while (list.children.length > 1000) list.lastChild.remove();
}

async function refresh() {
  const mine = ++round;
  const [node, all, peers] = await Promise.all([json("/v1/node"), json("/v1/contracts"), json("/v1/peers")]);
  if (mine !== round) return;
  showNode(node);
  showContracts(all);
  showPeers(peers);
  showContract(contracts.find((contract) => contract.id === chosen));
  if (chosen) await showGraph(chosen);
}

function onClick(id, act) {
  const button = $(id);
  button.addEventListener("click", async () => {
    button.disabled = true;
    $("action-error").textContent = "";
    try {
      await act();
    } catch (error) {
      $("action-error").textContent = error.next ? `${error.message} (${error.next})` : error.message;
    } finally {
      button.disabled = false;
    }
  });
}

onClick("new-address", async () => {
  $("address").textContent = (await order("/v1/wallet/address")).address;
});
for (const what of ["accept", "decline", "leave", "deliver", "admit"]) {
  onClick(what, async () => {
    const body = what === "decline" || what === "leave" ? { reason: $("reason").value } : undefined;
    await order(`/v1/contracts/${chosen}/${what}`, body);
    await refresh();
  });
}
onClick("save", async () => {
  const name = contracts.find((contract) => contract.id === chosen)?.result?.sha256;
  const bytes = await (await ask(`/v1/contracts/${chosen}/result/bytes`)).blob();
  const link = made("a");
  link.href = URL.createObjectURL(bytes);
  link.download = `${name}.bin`;
  link.click();
  // The browser has begun to save it by then.
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
});

begin({ refresh, events: showEvents, anew: () => $("event-list").replaceChildren() });
