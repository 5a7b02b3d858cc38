"""Asks a node over HTTP, from a notebook (`from watch import Node`) or as a program, with Python's own library: says how it stands, takes a fresh address, and lists its contracts.

    python3 docs/api/watch.py http://127.0.0.1:PORT FOLDER_OF_THE_NODE
"""

import json
import sys
import urllib.error
import urllib.request
import uuid
from pathlib import Path


class Node:
    """A node that runs with `--api`."""

    def __init__(self, url, folder):
        self.url = url.rstrip("/")
        self.token = Path(folder, "api.token").read_text().strip()

    def ask(self, path, order=False, body=None, key=None):
        """An answer. An order has a key: given again with the same one, it is done once."""
        headers = {"Authorization": f"Bearer {self.token}"}
        if order:
            headers["Idempotency-Key"] = key or uuid.uuid4().hex
        data = None if body is None else json.dumps(body).encode()
        if body is not None:
            headers["Content-Type"] = "application/json"
        method = "POST" if order else "GET"
        request = urllib.request.Request(self.url + path, data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=30) as response:
                return json.load(response)
        except urllib.error.HTTPError as error:
            why = json.load(error)
            raise SystemExit(f"{why['code']}: {why['message']}; {why['next']}") from None


def main():
    node = Node(*sys.argv[1:3])
    status = node.ask("/v1/node")
    print(f"node     {status['node']}")
    print(f"balance  {status['balance_sat']} sat, {status['spare_sat']} of them free")
    key = uuid.uuid4().hex
    address = node.ask("/v1/wallet/address", order=True, key=key)["address"]
    # No answer came, say: the same order under the same key brings the same address.
    assert node.ask("/v1/wallet/address", order=True, key=key)["address"] == address
    print(f"address  {address}")
    for contract in node.ask("/v1/contracts"):
        print(f"contract {contract['id']}  {contract['role']:<9} {contract['state']}")
        graph = node.ask(f"/v1/contracts/{contract['id']}/graph")
        for date in graph["dates"]:
            when = f"height {date['height']}" if date.get("height") is not None else f"time {date['unix_s']}"
            print(f"         {when:<18} {date['what']}{' (past)' if date['is_past'] else ''}")


if __name__ == "__main__":
    main()
