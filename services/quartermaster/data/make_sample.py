#!/usr/bin/env python3
"""Cuts the sample that ships inside the binary from the full order stream.

    make_sample.py SOURCE [OUTPUT]

SOURCE holds the full stream (`tests/data/` of this project does); OUTPUT is `sample/` beside this script
unless told. There is no randomness: what has to be chosen is chosen by a SHA-256 of its key, so the same
source gives the same rows. README.md says which columns and quantities differ from the source, and why.
"""

import csv
import gzip
import hashlib
import io
import json
import sys
from collections import Counter, defaultdict
from pathlib import Path

ORDERS = 2_500
# Units that a sku keeps outside the stores, of those the source gives it for eight times as many orders: this
# share of its ship demand in the sample, and never below the floor. Less, and nearly every order would split.
MARGIN_PERCENT = 300
FLOOR_UNITS = 24
# One sku in SCARCE_ONE_IN gets half its demand instead, and nothing in stores, so that some orders wait.
SCARCE_ONE_IN = 60
# A store that collects orders holds what they ask for, with its safety stock, in this many cases of 100.
COUNTER_READY_PERCENT = 99
# Of the other store rows that hold more than the store keeps back, one in STORE_ONE_IN stays.
STORE_ONE_IN = 3

ITEM_COLUMNS = ["sku", "name", "storage", "restricted", "weight_g", "len_mm", "wid_mm", "hgt_mm", "dropship"]
LINE_FIELDS = ["sku", "qty", "unit_price", "line_total"]
COPIED = ["nodes.csv", "tariff.csv", "cartons.csv"]


class Number(str):
    """The text of a JSON number, written back as it was read."""


def pick(*key):
    """A number that looks random and is always the same for the same key."""
    return int.from_bytes(hashlib.sha256("|".join(key).encode()).digest()[:8], "big")


def rows(path):
    opened = gzip.open(path, "rt", newline="") if path.suffix == ".gz" else open(path, newline="")
    with opened as file:
        yield from csv.DictReader(file)


def write_gz(path, text):
    # No name and no time in the header: the same text is the same file.
    with open(path, "wb") as raw, gzip.GzipFile("", "wb", 9, raw, mtime=0) as file:
        file.write(text.encode())
    print(f"{path.stat().st_size:>9,} bytes  {path.name}")


def as_csv(columns, records):
    text = io.StringIO()
    out = csv.DictWriter(text, columns, extrasaction="ignore", lineterminator="\n")
    out.writeheader()
    out.writerows(records)
    return text.getvalue()


def read_orders(source):
    """The first orders of the stream, numbers kept as the text that was published."""
    orders = []
    with gzip.open(source / "orders.ndjson.gz", "rt") as file:
        for line in file:
            order = json.loads(line, parse_float=Number, parse_int=Number)
            del order["source_store_id"]
            order["lines"] = [{field: old[field] for field in LINE_FIELDS} for old in order["lines"]]
            orders.append(order)
            if len(orders) == ORDERS:
                break
    return orders


def as_json(value):
    if isinstance(value, Number):
        return str(value)
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(key)}:{as_json(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(as_json, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


def share(total, weights):
    """Splits `total` units over `weights` in proportion; largest remainders first, then the earlier key."""
    if total >= sum(weights.values()):
        return dict(weights)
    whole = sum(weights.values())
    parts = {key: total * weight // whole for key, weight in weights.items()}
    left = total - sum(parts.values())
    by_remainder = sorted(weights, key=lambda key: (-(total * weights[key] % whole), key))
    for key in by_remainder[:left]:
        parts[key] += 1
    return parts


def thin_stock(source, orders, nodes, skus):
    ship, collect = Counter(), Counter()
    for order in orders:
        for line in order["lines"]:
            if order["fulfilment"] == "ship":
                ship[line["sku"]] += int(line["qty"])
            else:
                collect[order["pickup_node"], line["sku"]] += int(line["qty"])

    kept, outside = {}, defaultdict(dict)
    for row in rows(source / "stock.csv.gz"):
        node, sku, on_hand = row["node_id"], row["sku"], int(row["on_hand"])
        if sku not in skus:
            continue
        if nodes[node]["type"] != "store":
            outside[sku][node] = on_hand
        elif on_hand > int(nodes[node]["safety_units"]) and not scarce(sku):
            if pick("store", node, sku) % STORE_ONE_IN == 0:
                kept[node, sku] = on_hand

    for sku, weights in outside.items():
        demand = ship[sku]
        units = demand // 2 if scarce(sku) else max(-(-demand * MARGIN_PERCENT // 100), FLOOR_UNITS)
        for node, on_hand in share(units, weights).items():
            if on_hand > 0:
                kept[node, sku] = on_hand

    for (node, sku), wanted in collect.items():
        if pick("counter", node, sku) % 100 < COUNTER_READY_PERCENT:
            ready = wanted + int(nodes[node]["safety_units"])
            kept[node, sku] = max(kept.get((node, sku), 0), ready)
        else:
            kept.pop((node, sku), None)

    return [{"node_id": node, "sku": sku, "on_hand": kept[node, sku]} for node, sku in sorted(kept)]


def scarce(sku):
    return pick("scarce", sku) % SCARCE_ONE_IN == 0


def main():
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    source = Path(sys.argv[1])
    output = Path(sys.argv[2]) if len(sys.argv) == 3 else Path(__file__).parent / "sample"
    output.mkdir(parents=True, exist_ok=True)

    orders = read_orders(source)
    skus = {line["sku"] for order in orders for line in order["lines"]}
    nodes = {row["node_id"]: row for row in rows(source / "nodes.csv")}
    items = [row for row in rows(source / "catalogue.csv.gz") if row["sku"] in skus]
    addresses = [
        {**row, "lat": f"{float(row['lat']):.5f}", "lon": f"{float(row['lon']):.5f}"}
        for row in rows(source / "addresses.csv.gz")
    ]

    write_gz(output / "orders.ndjson.gz", "".join(as_json(order) + "\n" for order in orders))
    write_gz(output / "catalogue.csv.gz", as_csv(ITEM_COLUMNS, items))
    stock = thin_stock(source, orders, nodes, skus)
    write_gz(output / "stock.csv.gz", as_csv(["node_id", "sku", "on_hand"], stock))
    write_gz(
        output / "addresses.csv.gz",
        as_csv(["address1", "city", "state", "zip", "lat", "lon"], addresses),
    )
    for name in COPIED:
        (output / name).write_bytes((source / name).read_bytes())
    total = sum(path.stat().st_size for path in output.iterdir())
    print(f"{total:>9,} bytes in all; {len(orders)} orders, {len(items)} items, {len(stock)} stock rows")


if __name__ == "__main__":
    main()
