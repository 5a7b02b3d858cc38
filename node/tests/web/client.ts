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

  tower(key: string, bundle: Schemas["NewBundle"]): Promise<Answer<"/v1/tower/bundles", "post">> {
    return this.ask("POST", "/v1/tower/bundles", key, bundle);
  }

  bundle(id: string): Promise<Answer<"/v1/contracts/{id}/bundle", "get">> {
    return this.ask("GET", `/v1/contracts/${id}/bundle`);
  }

  /** A file goes up under its hash; the job is made of files by their names. */
  async upload(file: Blob): Promise<string> {
    const digest = await crypto.subtle.digest("SHA-256", await file.arrayBuffer());
    const id = Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
    const headers = { Authorization: `Bearer ${this.token}`, "Content-Type": "application/octet-stream" };
    const response = await fetch(`${this.url}/v1/files/${id}`, { method: "PUT", headers, body: file });
    if (!response.ok) throw new Refused((await response.json()) as Schemas["ApiError"]);
    return ((await response.json()) as Answer<"/v1/files/{id}", "put">).sha256;
  }

  keep(key: string, job: Schemas["NewJob"]): Promise<Answer<"/v1/jobs", "post">> {
    return this.ask("POST", "/v1/jobs", key, job);
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

/** Uploads a program, keeps a job of it that counts from 1, and gives its id, by which it can be offered. */
export async function keepCounter(url: string, token: string, program: Blob, records: number): Promise<string> {
  const node = new Node(url, token);
  const limits = { fuel: 1_000_000, memory_bytes: 65_536, output_bytes: 4 };
  const input = { format: "counter", start: 1, records };
  const work = { kind: "wasm", program: { file: "program" }, limits, input };
  const files = { program: await node.upload(program) };
  const kept = await node.keep(`keep-${files.program}`, { job: { narthex_job: 1, work }, files });
  return kept.id;
}

/** Has a tower watch for this node's party of a contract; what it has that may be published. */
export async function watched(own: Node, tower: Node, id: string): Promise<string[]> {
  const { bundle } = await own.bundle(id);
  return (await tower.tower(`watch-${id}`, { bundle })).transactions;
}
