// A client of the node's API, typed by its description: `openapi-typescript docs/api/openapi.json -o api.ts` makes the types. A
// test compiles this file; that it does says that the description is whole and means what it says.
import type { components, paths } from "./api";

type Schemas = components["schemas"];
type Contract = Schemas["ContractStatus"];
type Answer<Path extends keyof paths, Method extends keyof paths[Path]> = paths[Path][Method] extends {
  responses: { 200: { content: { "application/json": infer Body } } };
}
  ? Body
  : never;

/** Why the node does not do something. */
class Refused extends Error {
  constructor(readonly error: Schemas["ApiError"]) {
    super(`${error.code}: ${error.message} (${error.next})`);
  }
}

class Node {
  constructor(
    readonly url: string,
    readonly token: string,
  ) {}

  private async ask<Body>(method: "GET" | "POST", path: string, key?: string, body?: unknown): Promise<Body> {
    const headers: Record<string, string> = { Authorization: `Bearer ${this.token}` };
    if (key !== undefined) headers["Idempotency-Key"] = key;
    const init: RequestInit = { method, headers };
    if (body !== undefined) {
      headers["Content-Type"] = "application/json";
      init.body = JSON.stringify(body);
    }
    const response = await fetch(this.url + path, init);
    if (!response.ok) throw new Refused((await response.json()) as Schemas["ApiError"]);
    return (await response.json()) as Body;
  }

  node(): Promise<Answer<"/v1/node", "get">> {
    return this.ask("GET", "/v1/node");
  }

  contracts(): Promise<Answer<"/v1/contracts", "get">> {
    return this.ask("GET", "/v1/contracts");
  }

  graph(id: string): Promise<Answer<"/v1/contracts/{id}/graph", "get">> {
    return this.ask("GET", `/v1/contracts/${id}/graph`);
  }

  events(after: number, wait_s: number): Promise<Answer<"/v1/events", "get">> {
    return this.ask("GET", `/v1/events?after=${after}&wait_s=${wait_s}`);
  }

  offer(key: string, offer: Schemas["NewOffer"]): Promise<Answer<"/v1/offers", "post">> {
    return this.ask("POST", "/v1/offers", key, offer);
  }

  accept(key: string, id: string): Promise<Answer<"/v1/contracts/{id}/accept", "post">> {
    return this.ask("POST", `/v1/contracts/${id}/accept`, key);
  }
}

/** Accepts every offer that asks for at most so much. */
export async function acceptSmall(url: string, token: string, most_sat: number): Promise<Contract[]> {
  const node = new Node(url, token);
  const status = await node.node();
  const spare: number = status.spare_sat;
  const taken: Contract[] = [];
  for (const contract of await node.contracts()) {
    if (contract.state !== "asked" || contract.deposit_sat > Math.min(most_sat, spare)) continue;
    try {
      taken.push(await node.accept(`accept-${contract.id}`, contract.id));
    } catch (error) {
      // Only what this node knows as a reason is passed over.
      if (!(error instanceof Refused) || error.error.code !== "cannot") throw error;
    }
  }
  return taken;
}

/** Names of the transactions of a contract that are in blocks. */
export async function livePath(url: string, token: string, id: string): Promise<string[]> {
  const graph = await new Node(url, token).graph(id);
  return graph.transactions.filter((tx) => tx.state === "confirmed").map((tx) => `${tx.name} at ${tx.height ?? "?"}`);
}
