# Rows by a formula that TypeScript repeats (formula-rows.ts), LightGBM fitted on them, and what it is worth on others:
# writes lightgbm-reference.json beside this file. Run with Python 3.11, lightgbm 4.7.0, scikit-learn 1.9.0, numpy 2.4.6:
#   python lightgbm-reference.py
import json
import pathlib

import lightgbm
import numpy
import sklearn
from sklearn.metrics import average_precision_score, roc_auc_score

COLUMNS = 10


def minstd(seed):
    state = seed
    while True:
        state = state * 48271 % 2147483647
        yield state


def rows(seed, count):
    """Whole numbers and quarters alone, so that no rounding differs between languages."""
    draws = minstd(seed)
    values = numpy.empty((count, COLUMNS), numpy.float32)
    fraud = numpy.empty(count, numpy.int32)
    for row in range(count):
        x = [next(draws) % 400 for _ in range(COLUMNS)]
        x[3] = x[3] * x[3] // 100  # a long tail
        x[4] = x[4] // 100  # few values
        x[5] = 7  # nothing to see
        is_absent = next(draws) % 5 == 0
        odds = 40
        if (x[0] > 300) != (x[1] > 300):
            odds += 250
        if x[2] > 360 and x[3] > 900:
            odds += 400
        if x[4] == 3:
            odds += 30
        if is_absent:
            odds += 150 if x[0] > 200 else 0
        odds += x[7] // 8
        fraud[row] = next(draws) % 1000 < odds
        values[row] = [value / 4 for value in x]
        if is_absent:
            values[row, 6] = numpy.nan
    return values, fraud


train, is_fraud = rows(7, 16000)
judged, truth = rows(11, 8000)
shared = dict(
    objective="binary",
    num_leaves=15,
    learning_rate=0.1,
    min_data_in_leaf=20,
    min_sum_hessian_in_leaf=1e-3,
    lambda_l2=1.0,
    max_bin=255,
    num_threads=1,
    deterministic=True,
    seed=1,
    verbose=-1,
)
found = {"lightgbm": lightgbm.__version__, "scikit-learn": sklearn.__version__, "frauds": int(truth.sum()), "fits": []}
for trees, weight in [(1, 1), (60, 1), (60, 8)]:
    data = lightgbm.Dataset(train, is_fraud, weight=numpy.where(is_fraud == 1, weight, 1))
    scores = lightgbm.train(shared, data, trees).predict(judged)
    found["fits"].append(
        {
            "trees": trees,
            "fraudWeight": weight,
            "auc": round(roc_auc_score(truth, scores), 5),
            "averagePrecision": round(average_precision_score(truth, scores), 5),
        }
    )
folder = pathlib.Path(__file__).parent
(folder / "lightgbm-reference.json").write_text(json.dumps(found, indent=1) + "\n")
