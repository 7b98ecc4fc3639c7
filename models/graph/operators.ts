// The operators that a model may be made of: those of ONNX (1.20) and ai.onnx.ml that turn numbers into numbers, the same
// ones each time. What draws at random, runs as long as it likes, or works on texts, sequences or pictures is left out.

const arithmetic = [
  ...[
    'Abs',
    'Add',
    'Ceil',
    'Clip',
    'CumProd',
    'CumSum',
    'Div',
    'Erf',
    'Exp',
    'Floor',
    'Log',
    'Max',
  ],
  ...[
    'Mean',
    'Min',
    'Mod',
    'Mul',
    'Neg',
    'Pow',
    'Reciprocal',
    'Round',
    'Sign',
    'Sqrt',
    'Sub',
    'Sum',
  ],
  ...[
    'Acos',
    'Acosh',
    'Asin',
    'Asinh',
    'Atan',
    'Atanh',
    'Cos',
    'Cosh',
    'Sin',
    'Sinh',
    'Tan',
    'Tanh',
  ],
]

const logic = [
  ...['And', 'BitShift', 'BitwiseAnd', 'BitwiseNot', 'BitwiseOr', 'BitwiseXor', 'Equal', 'Greater'],
  ...['GreaterOrEqual', 'If', 'IsInf', 'IsNaN', 'Less', 'LessOrEqual', 'Not', 'Or', 'Where', 'Xor'],
]

const algebra = [
  'Det',
  'Einsum',
  'EyeLike',
  'Gemm',
  'MatMul',
  'MatMulInteger',
  'QLinearMatMul',
  'Trilu',
]

const reductions = [
  ...['ArgMax', 'ArgMin', 'Hardmax', 'LogSoftmax', 'LpNormalization', 'ReduceL1', 'ReduceL2'],
  ...['ReduceLogSum', 'ReduceLogSumExp', 'ReduceMax', 'ReduceMean', 'ReduceMin', 'ReduceProd'],
  ...['ReduceSum', 'ReduceSumSquare', 'Softmax', 'TopK'],
]

const shapes = [
  ...['Cast', 'CastLike', 'Compress', 'Concat', 'Constant', 'ConstantOfShape', 'DepthToSpace'],
  ...['Expand', 'Flatten', 'Gather', 'GatherElements', 'GatherND', 'Identity', 'NonZero', 'OneHot'],
  ...['Pad', 'Range', 'Reshape', 'ReverseSequence', 'Scatter', 'ScatterElements', 'ScatterND'],
  ...['Shape', 'Size', 'Slice', 'SpaceToDepth', 'Split', 'Squeeze', 'TensorScatter', 'Tile'],
  ...['Transpose', 'Unique', 'Unsqueeze'],
]

const activations = [
  ...[
    'Celu',
    'Elu',
    'Gelu',
    'HardSigmoid',
    'HardSwish',
    'LeakyRelu',
    'Mish',
    'PRelu',
    'Relu',
    'Selu',
  ],
  ...['Shrink', 'Sigmoid', 'Softplus', 'Softsign', 'Swish', 'ThresholdedRelu'],
]

// Scan goes once over a dimension; Loop would end when it likes.
const layers = [
  ...['Attention', 'AveragePool', 'BatchNormalization', 'Conv', 'ConvInteger', 'ConvTranspose'],
  ...['Dropout', 'GRU', 'GlobalAveragePool', 'GlobalLpPool', 'GlobalMaxPool', 'GroupNormalization'],
  ...['InstanceNormalization', 'LRN', 'LSTM', 'LayerNormalization', 'LpPool', 'MaxPool'],
  ...['MeanVarianceNormalization', 'RMSNormalization', 'RNN', 'RotaryEmbedding', 'Scan'],
]

const quantised = ['DequantizeLinear', 'DynamicQuantizeLinear', 'QLinearConv', 'QuantizeLinear']

const classical = [
  ...['ArrayFeatureExtractor', 'Binarizer', 'FeatureVectorizer', 'Imputer', 'LabelEncoder'],
  ...['LinearClassifier', 'LinearRegressor', 'Normalizer', 'OneHotEncoder', 'SVMClassifier'],
  ...['SVMRegressor', 'Scaler', 'TreeEnsemble', 'TreeEnsembleClassifier', 'TreeEnsembleRegressor'],
].map((name) => `ai.onnx.ml.${name}`)

/** As `Graph.operators` names them. */
export const knownOperators: ReadonlySet<string> = new Set([
  ...arithmetic,
  ...logic,
  ...algebra,
  ...reductions,
  ...shapes,
  ...activations,
  ...layers,
  ...quantised,
  ...classical,
])

/** What to do about an operator that is not known. */
export function operatorHint(operator: string): string {
  if (operator === 'ai.onnx.ml.ZipMap') return 'only at the end of a model: there it is left out'
  if (/^(Random|Bernoulli|Multinomial)/.test(operator)) return 'a score must not be drawn'
  if (operator === 'Loop') return 'nothing bounds its time: unroll it'
  if (operator.startsWith('com.microsoft.')) return 'save the model before it is optimised'
  return 'express it in operators of ONNX'
}
