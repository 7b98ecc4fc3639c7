package weir.peers;

import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OnnxValue;
import ai.onnxruntime.OrtEnvironment;
import ai.onnxruntime.OrtException;
import ai.onnxruntime.OrtSession;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.util.Map;
import java.util.Set;

/** ONNX Runtime, a row a call: one thread without spinning, input and output tensors over memory that is used again. */
final class OnnxScorer implements Scorer {
  private final OrtEnvironment environment = OrtEnvironment.getEnvironment();
  private final OrtSession session;
  private final FloatBuffer input = floats(Transaction.FEATURES);
  private final FloatBuffer output = floats(1);
  private final OnnxTensor row;
  private final OnnxTensor result;
  private final Map<String, OnnxTensor> inputs;
  private final Map<String, OnnxValue> pinned;

  OnnxScorer(String path) {
    try (OrtSession.SessionOptions options = new OrtSession.SessionOptions()) {
      options.setIntraOpNumThreads(1);
      options.setInterOpNumThreads(1);
      options.setExecutionMode(OrtSession.SessionOptions.ExecutionMode.SEQUENTIAL);
      options.setOptimizationLevel(OrtSession.SessionOptions.OptLevel.ALL_OPT);
      options.addConfigEntry("session.intra_op.allow_spinning", "0");
      session = environment.createSession(path, options);
      row = OnnxTensor.createTensor(environment, input, new long[] {1, Transaction.FEATURES});
      result = OnnxTensor.createTensor(environment, output, new long[] {1, 1});
      inputs = Map.of("features", row);
      pinned = Map.of("score", result);
    } catch (OrtException cause) {
      throw new IllegalStateException(cause);
    }
  }

  @Override
  public float score(long[] features) {
    for (int f = 0; f < features.length; f++) input.put(f, features[f]);
    try {
      session.run(inputs, Set.of(), pinned).close();
    } catch (OrtException cause) {
      throw new IllegalStateException(cause);
    }
    return output.get(0);
  }

  @Override
  public void close() {
    row.close();
    result.close();
    try {
      session.close();
    } catch (OrtException cause) {
      throw new IllegalStateException(cause);
    }
  }

  private static FloatBuffer floats(int count) {
    return ByteBuffer.allocateDirect(4 * count).order(ByteOrder.nativeOrder()).asFloatBuffer();
  }
}
