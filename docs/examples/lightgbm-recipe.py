# Trains LightGBM on feature rows of `weir replay --features-out rows.parquet --with time,label` and writes what
# `weir model import` takes: model.onnx and golden.jsonl. It says how good the model is on a later period, and how far ONNX
# Runtime is from LightGBM.
#
#   python lightgbm-recipe.py rows.parquet out                   train on the rows up to a day, judge by those after it
#   python lightgbm-recipe.py rows.parquet out other.parquet     and score other rows: out/scores.jsonl
#
# Tried with Python 3.11.7, lightgbm 4.7.0, pandas 3.1.1, pyarrow 26.0.1, scikit-learn 1.9.0, onnxmltools 1.16.0, onnx 1.23.2,
# onnxruntime 1.32.0
import json
import pathlib
import sys

import lightgbm
import numpy as np
import onnxmltools
import onnxruntime
import pandas as pd
from onnxmltools.convert.common.data_types import FloatTensorType
from sklearn.metrics import average_precision_score, roc_auc_score

rows_file, out, *others = sys.argv[1:]
out = pathlib.Path(out)
out.mkdir(parents=True, exist_ok=True)

rows = pd.read_parquet(rows_file)
beside = ['transaction_id', 'time_ms', 'amount_minor', 'label', 'label_ms']
features = [name for name in rows.columns if name not in beside]


def inputs(table):
    # The engine scores float32, and absent values as NaN: train on the same numbers.
    return table[features].to_numpy(dtype=np.float32)


# As of a day, a model knows the labels that had arrived by then. Rows that are younger than labels take are left out: of
# those, only the frauds are known. What nobody has labelled teaches nothing, and is never taken for legitimate.
first, last = rows.time_ms.min(), rows.time_ms.max()
delay = (rows.label_ms - rows.time_ms).quantile(0.99)
as_of = first + 0.8 * (last - first)
windows_full = first + 0.1 * (last - first)
train = rows[(rows.time_ms >= windows_full) & (rows.time_ms < as_of - delay) & (rows.label_ms <= as_of)]
judged = rows[(rows.time_ms >= as_of) & (rows.time_ms <= rows.label_ms.max() - delay) & rows.label.notna()]
if train.label.nunique() < 2 or judged.label.nunique() < 2:
    sys.exit(f'expected frauds and honest rows before and after a gap of {delay / 86_400_000:.0f} days (as long as labels '
             f'take), found {len(train)} and {len(judged)} rows: give it a longer history')

# Frauds are rare: without a least weight of a leaf, leaves that have none drive scores towards 0 until nothing ranks.
model = lightgbm.LGBMClassifier(n_estimators=60, num_leaves=15, learning_rate=0.1, min_child_samples=50,
                                min_child_weight=5, reg_lambda=5, random_state=1, n_jobs=1, deterministic=True,
                                verbose=-1)
model.fit(inputs(train), train.label.astype(int))


def score(table):
    return model.predict_proba(inputs(table))[:, 1]


scores = score(judged)
print(f'trained on {len(train):,} rows, {int(train.label.sum())} of them fraud')
print(f'judged on {len(judged):,} later rows, {int(judged.label.sum())} of them fraud: '
      f'AUC {roc_auc_score(judged.label, scores):.3f}, '
      f'average precision {average_precision_score(judged.label, scores):.3f}')

# One input [None, columns] of float32; probabilities as a tensor.
shape = [('features', FloatTensorType([None, len(features)]))]
onnx = onnxmltools.convert_lightgbm(model, initial_types=shape, zipmap=False, target_opset=15)
payload = onnx.SerializeToString()
(out / 'model.onnx').write_bytes(payload)

session = onnxruntime.InferenceSession(payload, providers=['CPUExecutionProvider'])
(probabilities,) = session.run(['probabilities'], {'features': inputs(judged)})
print(f'ONNX Runtime is at most {np.abs(probabilities[:, 1] - scores).max():.1e} from LightGBM')


def write_rows(file, table, scores, columns):
    with open(out / file, 'w') as lines:
        for row, value in zip(table[columns].to_dict('records'), scores):
            values = {name: None if pd.isna(one) else one for name, one in row.items()}
            lines.write(json.dumps({**values, 'score': float(value)}) + '\n')


# Golden rows: frauds among them, and from all over the scores.
frauds = judged[judged.label == 1].head(16)
spread = judged.iloc[np.argsort(scores)[np.linspace(0, len(judged) - 1, 48).astype(int)]]
golden = pd.concat([frauds, spread]).drop_duplicates('transaction_id')
write_rows('golden.jsonl', golden, score(golden), features)

for other in others:
    table = pd.read_parquet(other)
    write_rows('scores.jsonl', table, score(table), ['transaction_id'])
