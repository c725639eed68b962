"""Fills a fresh tenant with real data, so that hostile requests reach real things: merchant.py BASE_URL API_KEY FOLDER

Places orders and brings them to every stage that a warehouse knows, then writes the ids of all there is into
FOLDER/<kind>.dict, from which schemathesis draws path parameters, filters and references in bodies."""

import itertools
import json
import pathlib
import sys
import time

import requests

BASE, KEY, FOLDER = sys.argv[1], sys.argv[2], pathlib.Path(sys.argv[3])
SKUS = ["mug", "tea", "lamp", "rare"]
STEPS = ["accept", "pick", "pack", "label", "hand-over"]
PATIENCE_SECONDS = 30

session = requests.Session()
session.headers["Authorization"] = f"Bearer {KEY}"
numbers = itertools.count()


def ask(method, path, body=None):
    headers = {"Idempotency-Key": f"merchant-{next(numbers)}"} if method == "POST" else {}
    answer = session.request(method, BASE + path, json=body, headers=headers, timeout=30)
    if not answer.ok:
        sys.exit(f"merchant: {method} {path}: {answer.status_code} {answer.text}")
    return answer.json() if answer.content else None


def location(code, latitude, longitude):
    address = {"line1": "1 Dock Rd", "city": code, "country": "US", "latitude": latitude, "longitude": longitude}
    return {"code": code, "name": f"{code} centre", "kind": "distribution_centre", "address": address,
            "time_zone": "America/Chicago", "cutoff_local": "23:59", "can_pickup": True}


def band(zone, max_miles, base_minor):
    return {"service_level": "standard", "zone": zone, "max_miles": max_miles, "base_minor": base_minor,
            "per_pound_micros": 250_000, "transit_days": zone}


def order(number, sku, quantity):
    address = {"line1": "1 Main St", "city": "Chicago", "region": "IL", "postal_code": "60601", "country": "US",
               "latitude": 41.88, "longitude": -87.63}
    return {"channel": "web", "external_id": f"W-{number}", "currency": "USD", "ship_to": address,
            "customer": {"name": "Ada Shopper", "email": "ada@shop.example"}, "total_minor": 1_000 * quantity,
            "lines": [{"sku": sku, "quantity": quantity, "unit_price": "10.00"}]}


def requested_fulfilments(count):
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        found = ask("GET", "/v1/fulfilments?status=requested&limit=200")["data"]
        if len(found) >= count:
            return found
        time.sleep(0.1)
    sys.exit(f"merchant: after {PATIENCE_SECONDS} s there were not yet {count} fulfilments")


def write(kind, values):
    lines = [json.dumps(value) + "\n" for value in values]
    (FOLDER / f"{kind}.dict").write_text("".join(lines))


def main():
    ask("PUT", "/v1/locations", {"locations": [location("NEAR", 41.5, -87.6), location("FAR", 34.05, -118.24)]})
    ask("PUT", "/v1/tariff", {"bands": [band(1, 150, 500), band(2, 600, 800), band(3, 20_000, 1_500)]})
    items = [{"sku": sku, "name": f"The {sku}", "weight_grams": 500} for sku in SKUS]
    ask("PUT", "/v1/items", {"items": items})
    movements = [{"sku": sku, "location": code, "kind": "receive", "quantity": 1_000_000}
                 for sku in SKUS[:-1] for code in ("NEAR", "FAR")]
    ask("POST", "/v1/stock/movements", {"movements": movements})
    # To nobody: a name that never resolves (RFC 6761), so every delivery waits for its next try.
    endpoint = ask("POST", "/v1/webhook-endpoints", {"url": "https://hooks.invalid/quartermaster"})["id"]
    key = ask("POST", "/v1/api-keys", {"name": "spare", "scopes": ["orders:read"]})["id"]
    orders = [ask("POST", "/v1/orders", order(number, SKUS[number % 3], 1 + number % 3)) for number in range(12)]
    orders.append(ask("POST", "/v1/orders", order(99, "rare", 1)))  # has no stock, so it waits
    fulfilments = requested_fulfilments(12)
    # One for each stage, and the others untouched.
    for stage, fulfilment in enumerate(fulfilments[: len(STEPS)], start=1):
        for step in STEPS[:stage]:
            ask("POST", f"/v1/fulfilments/{fulfilment['id']}/{step}", {})
    ask("POST", f"/v1/orders/{orders[-1]['id']}/hold", {"kind": "manual"})
    ask("POST", f"/v1/orders/{orders[0]['id']}/cancel", {})

    write("order", [it["id"] for it in orders])
    write("line", [line["id"] for it in orders for line in it["lines"]])
    write("fulfilment", [it["id"] for it in fulfilments])
    shipments = ask("GET", "/v1/shipments")["data"]
    write("shipment", [it["id"] for it in shipments])
    write("tracking", [parcel["tracking_number"] for it in shipments for parcel in [it]])
    write("item", [it["id"] for it in ask("GET", "/v1/items")["data"]])
    write("location", [it["id"] for it in ask("GET", "/v1/locations")["data"]])
    write("endpoint", [endpoint])
    write("delivery", [it["id"] for it in ask("GET", f"/v1/webhook-endpoints/{endpoint}/deliveries")["data"]])
    write("api-key", [key])
    write("sku", SKUS)
    write("code", ["NEAR", "FAR"])
    write("cursor", [ask("GET", f"/v1/{list_}?limit=1")["next_cursor"] for list_ in ("orders", "items", "fulfilments")])


main()
