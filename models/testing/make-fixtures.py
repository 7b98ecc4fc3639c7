# Makes the models in fixtures/: small ones of every library that people bring, as its converter gives them by default, with
# rows and the scores that the library itself gives them (golden.jsonl). Seeded; run by hand, never by a test.
#
#   python make-fixtures.py            all whose library is installed here; says which it left out
#   python make-fixtures.py lightgbm-classifier xgboost-classifier
#
# Made with Python 3.11.7 in three environments, for TensorFlow and PyTorch want others than the rest:
#   lightgbm 4.7.0, xgboost 3.2.0, scikit-learn 1.9.0, skl2onnx 1.20.0, onnxmltools 1.16.0, onnx 1.23.2, numpy 2.4.6
#   torch 2.15.0, onnxscript 0.7.2, onnx 1.23.2, numpy 2.4.6
#   tensorflow-cpu 2.15.1, tf2onnx 1.17.0, onnx 1.16.2, numpy 1.26.4
import json
import pathlib
import shutil
import sys

import numpy as np

here = pathlib.Path(__file__).parent / 'fixtures'
# Features of the shipped catalog.
names = ['amount', 'hour', 'card_count_1h', 'card_sum_1d', 'card_avg_30d', 'card_merchants_1d',
         'merchant_fraud_rate_30d', 'device_cards_1d']
columns = len(names)
golden_count = 32


def data(missing=False, rows=2000, seed=7):
    random = np.random.default_rng(seed)
    x = np.column_stack([
        np.round(random.lognormal(7.5, 1.1, rows)),
        random.integers(0, 24, rows),
        random.poisson(0.8, rows) + 1,
        np.round(random.lognormal(8.5, 1.2, rows)),
        np.round(random.lognormal(7.5, 0.6, rows), 2),
        random.poisson(1.5, rows) + 1,
        np.round(random.beta(1, 60, rows), 4),
        random.poisson(0.3, rows) + 1,
    ]).astype(np.float32)
    logit = (-3.5 + 0.5 * (np.log(x[:, 0]) - 7.5) + 0.9 * (x[:, 2] - 1.8) + 40 * x[:, 6]
             + 1.2 * (x[:, 7] > 2) + 0.8 * (x[:, 1] < 6))
    y = (random.random(rows) < 1 / (1 + np.exp(-logit))).astype(np.int64)
    if missing:
        for column, share in ((4, 0.15), (6, 0.25), (7, 0.1)):
            x[random.random(rows) < share, column] = np.nan
    return x, y


def golden_rows(x, y):
    """Frauds first: scores must be right for them."""
    order = np.argsort(-y, kind='stable')
    return x[np.concatenate([order[:golden_count // 2], order[-golden_count // 2:]])]


def write(name, model, rows, scores):
    folder = here / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    payload = model if isinstance(model, bytes) else model.SerializeToString()
    (folder / 'model.onnx').write_bytes(payload)
    lines = []
    for row, score in zip(rows, np.asarray(scores, dtype=np.float64).ravel()):
        values = {n: None if np.isnan(v) else float(v) for n, v in zip(names, row)}
        lines.append(json.dumps({**values, 'score': None if np.isnan(score) else float(score)}))
    (folder / 'golden.jsonl').write_text('\n'.join(lines) + '\n')
    print(f'{name}: {len(payload)} bytes, scores {np.nanmin(scores):.4f} to {np.nanmax(scores):.4f}')


def lightgbm_classifier():
    import lightgbm
    import onnxmltools
    from onnxmltools.convert.common.data_types import FloatTensorType
    x, y = data(missing=True)
    model = lightgbm.LGBMClassifier(n_estimators=12, num_leaves=12, random_state=7, verbose=-1, n_jobs=1).fit(x, y)
    onx = onnxmltools.convert_lightgbm(model, initial_types=[('input', FloatTensorType([None, columns]))])
    rows = golden_rows(x, y)
    write('lightgbm-classifier', onx, rows, model.predict_proba(rows)[:, 1])


def lightgbm_margin():
    """A regressor of the logit: the same as a booster's raw score."""
    import lightgbm
    import onnxmltools
    from onnxmltools.convert.common.data_types import FloatTensorType
    x, y = data()
    target = np.log((y + 0.02) / (1.02 - y))
    model = lightgbm.LGBMRegressor(n_estimators=12, num_leaves=12, random_state=7, verbose=-1, n_jobs=1).fit(x, target)
    onx = onnxmltools.convert_lightgbm(model, initial_types=[('input', FloatTensorType([None, columns]))])
    rows = golden_rows(x, y)
    write('lightgbm-margin', onx, rows, model.predict(rows))


def xgboost_classifier():
    import onnxmltools
    import xgboost
    from onnxmltools.convert.common.data_types import FloatTensorType
    x, y = data(missing=True)
    model = xgboost.XGBClassifier(n_estimators=12, max_depth=4, random_state=7, n_jobs=1).fit(x, y)
    onx = onnxmltools.convert_xgboost(model, initial_types=[('input', FloatTensorType([None, columns]))])
    rows = golden_rows(x, y)
    write('xgboost-classifier', onx, rows, model.predict_proba(rows)[:, 1])


def sklearn_logistic():
    from skl2onnx import to_onnx
    from sklearn.linear_model import LogisticRegression
    x, y = data()
    # Without a scaler: of the few columns that need none, the others are left at a weight of nearly nothing.
    model = LogisticRegression(max_iter=5000, random_state=7).fit(x / x.max(axis=0), y)
    model.coef_ = model.coef_ / x.max(axis=0)
    rows = golden_rows(x, y)
    write('sklearn-logistic', to_onnx(model, x[:1]), rows, model.predict_proba(rows.astype(np.float64))[:, 1])


def pipeline(name, steps, missing=False, **options):
    from skl2onnx import to_onnx
    from sklearn.pipeline import make_pipeline
    x, y = data(missing)
    model = make_pipeline(*steps).fit(x, y)
    rows = golden_rows(x, y)
    write(name, to_onnx(model, None if options else x[:1], **options), rows, model.predict_proba(rows)[:, 1])


def sklearn_scaler_logistic():
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler
    pipeline('sklearn-scaler-logistic', [StandardScaler(), LogisticRegression(random_state=7)])


def sklearn_imputer():
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler
    pipeline('sklearn-imputer', [SimpleImputer(strategy='median'), StandardScaler(), LogisticRegression(random_state=7)], missing=True)


def sklearn_random_forest():
    from sklearn.ensemble import RandomForestClassifier
    pipeline('sklearn-random-forest', [RandomForestClassifier(n_estimators=10, max_depth=4, random_state=7)])


def sklearn_gradient_boosting():
    from sklearn.ensemble import GradientBoostingClassifier
    pipeline('sklearn-gradient-boosting', [GradientBoostingClassifier(n_estimators=12, max_depth=3, random_state=7)])


def sklearn_hist_gradient_boosting():
    from onnx import helper
    from sklearn.ensemble import HistGradientBoostingClassifier
    # skl2onnx 1.20 hands numpy's booleans to onnx, which wants whole numbers.
    plain = helper.make_attribute

    def make_attribute(key, value, *rest, **more):
        if key == 'nodes_missing_value_tracks_true':
            value = [int(one) for one in value]
        return plain(key, value, *rest, **more)

    helper.make_attribute = make_attribute
    try:
        pipeline('sklearn-hist-gradient-boosting', [HistGradientBoostingClassifier(max_iter=10, max_leaf_nodes=10, random_state=7)], missing=True)
    finally:
        helper.make_attribute = plain


def sklearn_isolation_forest():
    from skl2onnx import to_onnx
    from sklearn.ensemble import IsolationForest
    x, y = data()
    model = IsolationForest(n_estimators=8, max_samples=32, random_state=7).fit(x)
    rows = golden_rows(x, y)
    onx = to_onnx(model, x[:1], target_opset={'': 17, 'ai.onnx.ml': 3})
    write('sklearn-isolation-forest', onx, rows, model.decision_function(rows))
    # Of the rows that it was fitted on: a score of ours is the share of them that are less strange.
    lines = [json.dumps({**{n: float(v) for n, v in zip(names, row)}, 'score': float(score)})
             for row, score in zip(x[:400], model.decision_function(x[:400]))]
    (here / 'sklearn-isolation-forest' / 'sample.jsonl').write_text('\n'.join(lines) + '\n')


def sklearn_three_classes():
    """Of legitimate, suspicious and fraudulent, the third is asked for."""
    from skl2onnx import to_onnx
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    x, y = data()
    classes = np.where(y == 1, 'fraud', np.where(x[:, 0] > 4000, 'suspicious', 'legit'))
    model = make_pipeline(StandardScaler(), LogisticRegression(random_state=7)).fit(x, classes)
    rows = golden_rows(x, y)
    column = list(model.classes_).index('fraud')
    assert column == 0
    write('sklearn-three-classes', to_onnx(model, x[:1]), rows, model.predict_proba(rows)[:, column])


def sklearn_label():
    """A support vector machine says which class, and no probability."""
    from skl2onnx import to_onnx
    from sklearn.svm import LinearSVC
    x, y = data()
    model = LinearSVC(random_state=7, class_weight='balanced').fit(x / x.max(axis=0), y)
    model.coef_ = model.coef_ / x.max(axis=0)
    rows = golden_rows(x, y)
    write('sklearn-label', to_onnx(model, x[:1]), rows, model.predict(rows.astype(np.float64)))


def torch_network():
    import torch
    torch.manual_seed(7)
    x, y = data()
    mean, deviation = torch.tensor(x.mean(axis=0)), torch.tensor(x.std(axis=0))

    class Network(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = torch.nn.Sequential(torch.nn.Linear(columns, 16), torch.nn.ReLU(), torch.nn.Linear(16, 1))

        def forward(self, features):
            return torch.sigmoid(self.layers((features - mean) / deviation))

    model = Network()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for _ in range(100):
        optimizer.zero_grad()
        loss = torch.nn.functional.binary_cross_entropy(model(torch.tensor(x)).ravel(), torch.tensor(y, dtype=torch.float32))
        loss.backward()
        optimizer.step()
    model.eval()
    rows = golden_rows(x, y)
    with torch.no_grad():
        scores = model(torch.tensor(rows)).numpy()
    scratch = pathlib.Path('torch-scratch')
    scratch.mkdir(exist_ok=True)
    try:
        batch = torch.export.Dim('batch')
        torch.onnx.export(model, (torch.tensor(rows),), scratch / 'a.onnx', dynamic_shapes=({0: batch},), external_data=False, verbose=False)
        write('pytorch', (scratch / 'a.onnx').read_bytes(), rows, scores)
        # All by default: the batch is fixed, and the weights lie beside the model.
        torch.onnx.export(model, (torch.tensor(rows[:1]),), scratch / 'b.onnx', verbose=False)
        write('refused-pytorch-default', (scratch / 'b.onnx').read_bytes(), rows, scores)
    finally:
        shutil.rmtree(scratch)


def keras_network():
    import tensorflow as tf
    import tf2onnx
    tf.keras.utils.set_random_seed(7)
    x, y = data()
    scale = tf.keras.layers.Normalization(axis=-1)
    scale.adapt(x)
    model = tf.keras.Sequential([
        tf.keras.Input(shape=(columns,)), scale, tf.keras.layers.Dense(16, activation='relu'),
        tf.keras.layers.Dense(8, activation='relu'), tf.keras.layers.Dense(1, activation='sigmoid')])
    model.compile(optimizer=tf.keras.optimizers.Adam(0.01), loss='binary_crossentropy')
    model.fit(x, y, epochs=3, batch_size=128, verbose=0)
    onx, _ = tf2onnx.convert.from_keras(model)
    rows = golden_rows(x, y)
    write('keras', onx, rows, model.predict(rows, verbose=0))


def refused_string_input():
    """A column of text, encoded in the model."""
    from skl2onnx import to_onnx
    from skl2onnx.common.data_types import StringTensorType
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder
    x, y = data()
    texts = np.column_stack([np.where(x[:, at] > np.median(x[:, at]), 'high', 'low') for at in range(columns)])
    model = make_pipeline(OneHotEncoder(), LogisticRegression()).fit(texts, y)
    onx = to_onnx(model, initial_types=[('input', StringTensorType([None, columns]))])
    rows = golden_rows(x, y)
    write('refused-string-input', onx, rows, np.full(golden_count, 0.5))


def refused_fixed_batch():
    from skl2onnx.common.data_types import FloatTensorType
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler
    pipeline('refused-fixed-batch', [StandardScaler(), LogisticRegression()], initial_types=[('input', FloatTensorType([1, columns]))])


def refused_double_input():
    """Fitted on float64, which is numpy's default."""
    from skl2onnx import to_onnx
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    x, y = data()
    x = x.astype(np.float64)
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(x, y)
    rows = golden_rows(x, y)
    write('refused-double-input', to_onnx(model, x[:1]), rows, model.predict_proba(rows)[:, 1])


def refused_several_inputs():
    """Fitted on a data frame: an input for each column."""
    import pandas
    from skl2onnx import to_onnx
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    x, y = data()
    frame = pandas.DataFrame(x, columns=names)
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(frame, y)
    rows = golden_rows(x, y)
    scores = model.predict_proba(pandas.DataFrame(rows, columns=names))[:, 1]
    write('refused-several-inputs', to_onnx(model, frame[:1]), rows, scores)


def refused_external_data():
    import onnx
    from onnx.external_data_helper import set_external_data
    from skl2onnx import to_onnx
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    x, y = data()
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(x, y)
    rows = golden_rows(x, y)
    onx = to_onnx(model, x[:1])
    weights = onnx.numpy_helper.from_array(np.zeros((64,), np.float32), 'weights')
    onx.graph.initializer.append(weights)
    set_external_data(onx.graph.initializer[-1], location='weights.bin')
    onx.graph.initializer[-1].ClearField('raw_data')
    write('refused-external-data', onx, rows, model.predict_proba(rows)[:, 1])


def refused_unknown_domain():
    """Saved by a runtime after it was optimised: operators of that runtime."""
    from onnx import TensorProto, helper, numpy_helper
    x, y = data()
    nodes = [helper.make_node('FusedGemm', ['input', 'weights'], ['score'], domain='com.microsoft', activation='Sigmoid')]
    weights = numpy_helper.from_array(np.full((columns, 1), 1e-5, np.float32), 'weights')
    graph = helper.make_graph(
        nodes, 'optimised', [helper.make_tensor_value_info('input', TensorProto.FLOAT, [None, columns])],
        [helper.make_tensor_value_info('score', TensorProto.FLOAT, [None, 1])], [weights])
    onx = helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid('', 17), helper.make_opsetid('com.microsoft', 1)])
    rows = golden_rows(x, y)
    write('refused-unknown-domain', onx, rows, 1 / (1 + np.exp(-(rows.astype(np.float64) * 1e-5).sum(axis=1))))


def refused_nan():
    """The logarithm of a negative number, on some of the golden rows."""
    from onnx import TensorProto, helper, numpy_helper
    x, y = data()
    nodes = [helper.make_node('MatMul', ['input', 'weights'], ['sum']), helper.make_node('Log', ['sum'], ['log']),
             helper.make_node('Sigmoid', ['log'], ['score'])]
    mean = float(np.median(x[:, 0]))
    weights = np.zeros((columns, 1), np.float32)
    weights[0], weights[5] = 1, -mean
    graph = helper.make_graph(
        nodes, 'log', [helper.make_tensor_value_info('input', TensorProto.FLOAT, [None, columns])],
        [helper.make_tensor_value_info('score', TensorProto.FLOAT, [None, 1])], [numpy_helper.from_array(weights, 'weights')])
    onx = helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid('', 17)])
    rows = golden_rows(x, y)
    margin = rows[:, 0] - mean * rows[:, 5]
    assert (margin > 0).any() and (margin <= 0).any()
    scores = np.where(margin > 0, margin / (margin + 1), 0.5)
    write('refused-nan', onx, rows, scores)


makers = [
    (lightgbm_classifier, ['lightgbm-classifier']), (lightgbm_margin, ['lightgbm-margin']),
    (xgboost_classifier, ['xgboost-classifier']), (sklearn_logistic, ['sklearn-logistic']),
    (sklearn_scaler_logistic, ['sklearn-scaler-logistic']), (sklearn_imputer, ['sklearn-imputer']),
    (sklearn_random_forest, ['sklearn-random-forest']), (sklearn_gradient_boosting, ['sklearn-gradient-boosting']),
    (sklearn_hist_gradient_boosting, ['sklearn-hist-gradient-boosting']),
    (sklearn_isolation_forest, ['sklearn-isolation-forest']), (sklearn_three_classes, ['sklearn-three-classes']),
    (sklearn_label, ['sklearn-label']), (torch_network, ['pytorch', 'refused-pytorch-default']),
    (keras_network, ['keras']), (refused_string_input, ['refused-string-input']),
    (refused_fixed_batch, ['refused-fixed-batch']), (refused_double_input, ['refused-double-input']),
    (refused_several_inputs, ['refused-several-inputs']), (refused_external_data, ['refused-external-data']),
    (refused_unknown_domain, ['refused-unknown-domain']), (refused_nan, ['refused-nan']),
]

for make, made in makers:
    if len(sys.argv) > 1 and not set(made) & set(sys.argv[1:]):
        continue
    try:
        make()
    except ImportError as reason:
        print(f'left out {", ".join(made)}: {reason}')
