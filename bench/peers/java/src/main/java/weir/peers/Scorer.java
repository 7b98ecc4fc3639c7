package weir.peers;

/** Probability of fraud from the features of one transaction. Of one thread. */
public interface Scorer extends AutoCloseable {
  float score(long[] features);

  @Override
  void close();

  static Scorer open(String kind, String folder) {
    return switch (kind) {
      case "onnx" -> new OnnxScorer(folder + "/model.onnx");
      case "trees" -> new TreeScorer(folder + "/trees.bin");
      default -> throw new IllegalArgumentException("scorer: expected onnx or trees, found " + kind);
    };
  }
}
