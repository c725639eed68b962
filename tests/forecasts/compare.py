#!/usr/bin/env python3
"""Forecasts of past demand by Quartermaster and, beside it, by statsforecast: the same series, moment and measure.

    compare.py PROGRAM FILE [--weeks N]

PROGRAM is the binary `quartermaster`, FILE what `quartermaster backtest` reads (without locations, and no shelf empty). The last N weeks are
forecast from what was known before. Prints the mean root mean squared scaled error, and the processor time of the forecasts
alone: of Quartermaster, learning and all outlooks; of statsforecast, on one core, without starting up.
"""

import argparse
import csv
import datetime
import gzip
import json
import subprocess
import time

import numpy as np
import pandas as pd
from statsforecast import StatsForecast
from statsforecast.models import (
    ADIDA,
    IMAPA,
    TSB,
    AutoETS,
    CrostonSBA,
    OptimizedTheta,
    SimpleExponentialSmoothing,
    SimpleExponentialSmoothingOptimized,
)

# A series needs so many weeks of history to be judged; as in the back-test.
HISTORY = 4


def demand(path):
    """Units by sku and period, and days in a period."""
    opened = gzip.open(path, "rt") if path.endswith(".gz") else open(path)
    with opened as file:
        rows = list(csv.DictReader(file))
    weekly = "week" in rows[0]

    def at(row):
        return int(row["week"]) if weekly else datetime.date.fromisoformat(row["date"]).toordinal()

    first = min(map(at, rows))
    periods = max(map(at, rows)) - first + 1
    series = {}
    for row in rows:
        series.setdefault(row["sku"], np.zeros(periods))[at(row) - first] += int(row["units"])
    return series, 7 if weekly else 1


def scaled_error(history, came, forecast):
    steps = np.mean(np.diff(history) ** 2)
    return None if steps <= 0 else float(np.sqrt(np.mean((came - forecast) ** 2) / steps))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("file")
    parser.add_argument("--weeks", type=int, default=8)
    arguments = parser.parse_args()

    weeks = str(arguments.weeks)
    command = [arguments.program, "backtest", arguments.file, "--weeks", weeks, "--horizon-weeks", weeks, "--json"]
    ours = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)["accuracy"]

    series, period_days = demand(arguments.file)
    horizon = arguments.weeks * 7 // period_days
    least = HISTORY * 7 // period_days
    judged = {}
    for sku, units in series.items():
        history = np.trim_zeros(units[:-horizon], "f")
        if len(history) >= least and scaled_error(history, units[-horizon:], units[-horizon:]) is not None:
            judged[sku] = (history, units[-horizon:])
    frame = pd.concat(
        pd.DataFrame({"unique_id": sku, "ds": np.arange(len(history)), "y": history})
        for sku, (history, _) in judged.items()
    )
    season = 7 if period_days == 1 else 1
    models = [
        ADIDA(),
        IMAPA(),
        TSB(0.1, 0.1),
        SimpleExponentialSmoothingOptimized(),
        OptimizedTheta(season_length=season),
        AutoETS(season_length=season),
        CrostonSBA(),
    ]
    # For series that are too short for a model.
    short = SimpleExponentialSmoothing(0.2)
    print(f"{arguments.file}: the last {weeks} weeks of {len(judged)} series ({ours['series']} by the back-test)")
    print(f"{'':<24} {'error':>7} {'seconds':>8}")
    print(f"{'Quartermaster':<24} {ours['planned']:>7.4f} {ours['seconds']:>8.2f}")
    for model in models:
        name = str(model)
        started = time.process_time()
        forecast = StatsForecast(models=[model], freq=1, n_jobs=1, fallback_model=short).forecast(df=frame, h=horizon)
        took = time.process_time() - started
        columns = forecast.groupby("unique_id", sort=False)[name].apply(np.array)
        errors = [scaled_error(*judged[sku], columns[sku]) for sku in judged]
        print(f"{name:<24} {np.mean(errors):>7.4f} {took:>8.2f}", flush=True)


if __name__ == "__main__":
    main()
