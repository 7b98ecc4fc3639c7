package weir.peers;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;

/** The same trees walked in Java: full ones, so that a child's place is computed instead of read. */
final class TreeScorer implements Scorer {
  private final int trees;
  private final int depth;
  private final int[] features;
  private final float[] thresholds;
  private final float[] leaves;
  private final float[] row = new float[Transaction.FEATURES];

  /** Little-endian: trees, depth, features and thresholds of the inner nodes in order of place, weights of the leaves. */
  TreeScorer(String path) {
    ByteBuffer bytes;
    try {
      bytes = ByteBuffer.wrap(Files.readAllBytes(Path.of(path))).order(ByteOrder.LITTLE_ENDIAN);
    } catch (IOException cause) {
      throw new UncheckedIOException(cause);
    }
    trees = bytes.getInt();
    depth = bytes.getInt();
    int inner = trees * ((1 << depth) - 1);
    features = new int[inner];
    thresholds = new float[inner];
    leaves = new float[trees << depth];
    for (int i = 0; i < inner; i++) features[i] = bytes.getInt();
    for (int i = 0; i < inner; i++) thresholds[i] = bytes.getFloat();
    for (int i = 0; i < leaves.length; i++) leaves[i] = bytes.getFloat();
  }

  @Override
  public float score(long[] values) {
    for (int f = 0; f < row.length; f++) row[f] = values[f];
    int inner = (1 << depth) - 1;
    float margin = 0;
    for (int tree = 0, at = 0; tree < trees; tree++, at += inner) {
      int place = 0;
      for (int level = 0; level < depth; level++) {
        int node = at + place;
        place = 2 * place + (row[features[node]] <= thresholds[node] ? 1 : 2);
      }
      margin += leaves[(tree << depth) + place - inner];
    }
    return (float) (1 / (1 + Math.exp(-margin)));
  }

  @Override
  public void close() {}
}
