# Makes pandas-rolling.json: what pandas computes over windows by time, for features/outside.test.ts to agree with.
# Made with pandas 3.1.1 and Python 3.11: `pip install pandas==3.1.1`, then `python pandas-rolling.py > pandas-rolling.json`.
#
# DataFrame.rolling('3D') is (t - W, t] by default (closed='right'), and of rows at the same time it takes those that stand before.
# The delayed risk is the difference of two such windows, as in Y.-A. Le Borgne et al., Reproducible Machine Learning for Credit
# Card Fraud Detection (2022), chapter 3, section "Terminal ID transformations".
import json
import random

import pandas as pd

random.seed(2017)
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
START_MS = 1_700_000_000_000

rows = []
for card in ["a", "b"]:
    time_ms = START_MS
    for n in range(60):
        # Ties, a ms beside and exactly on the edge of a window of three days.
        step = random.choice([0, 0, 1, HOUR_MS, 7 * HOUR_MS, DAY_MS, DAY_MS - 1, 3 * DAY_MS, 3 * DAY_MS - 1, 3 * DAY_MS + 1])
        time_ms += step
        rows.append({"card": card, "time": time_ms, "amount": random.randint(1, 10_000), "fraud": int(random.random() < 0.3)})

frame = pd.DataFrame(rows)
frame["at"] = pd.to_datetime(frame["time"], unit="ms")
made = []
for _, own in frame.groupby("card", sort=False):
    indexed = own.set_index("at")
    short = indexed["amount"].rolling("3D")
    delay = indexed["fraud"].rolling("2D")
    both = indexed["fraud"].rolling("5D")
    result = own[["card", "time", "amount", "fraud"]].copy()
    result["count"] = short.count().astype(int).to_numpy()
    result["sum"] = short.sum().astype(int).to_numpy()
    result["min"] = short.min().astype(int).to_numpy()
    result["max"] = short.max().astype(int).to_numpy()
    result["mean"] = short.mean().to_numpy()
    result["std"] = short.std(ddof=0).to_numpy()
    result["frauds"] = (both.sum() - delay.sum()).astype(int).to_numpy()
    result["labelled"] = (both.count() - delay.count()).astype(int).to_numpy()
    made.extend(json.loads(result.to_json(orient="records", double_precision=15)))

print("[")
print(",\n".join("  " + json.dumps(row) for row in made))
print("]")
