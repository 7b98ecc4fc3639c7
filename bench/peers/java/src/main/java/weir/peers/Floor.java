package weir.peers;

import com.sun.management.OperatingSystemMXBean;
import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/** The work alone: one thread, no Kafka. What an engine costs beyond this is the engine. */
final class Floor {
  private static final int BLOCK = 64;

  private final byte[][] rows;
  private final byte[][] decisions;
  private final int warmUp;
  private final Scorer scorer;
  private final long[] stagesNs = new long[4];

  private Floor(List<String> lines, int warmUp, Scorer scorer) {
    rows = lines.stream().map(line -> line.getBytes(StandardCharsets.US_ASCII)).toArray(byte[][]::new);
    decisions = new byte[rows.length][];
    this.warmUp = warmUp;
    this.scorer = scorer;
  }

  /** Three passes, each from nothing: for the compiler, for the whole, and with a clock between stages. */
  static void run(Options options) throws IOException {
    List<String> lines = Files.readAllLines(Path.of(options.text("input")), StandardCharsets.US_ASCII);
    try (Scorer scorer = Scorer.open(options.text("scorer"), options.text("model"))) {
      Floor floor = new Floor(lines, options.number("warm-up"), scorer);
      floor.pass(false);
      long wholeNs = floor.pass(false);
      floor.write(Path.of(options.text("output")));
      floor.pass(true);
      double each = 1000.0 * (lines.size() - floor.warmUp);
      long[] ns = floor.stagesNs;
      System.out.printf(
          "{\"cpu_us\":%.3f,\"parse_us\":%.3f,\"windows_us\":%.3f,\"score_us\":%.3f,\"write_us\":%.3f}%n",
          wholeNs / each, ns[0] / each, ns[1] / each, ns[2] / each, ns[3] / each);
    }
  }

  /** CPU of the process behind the warm-up, collections included. */
  private long pass(boolean isClocked) {
    OperatingSystemMXBean system = (OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();
    TransactionParser parser = new TransactionParser();
    Windows windows = new Windows();
    DecisionWriter writer = new DecisionWriter();
    Transaction[] block = new Transaction[BLOCK];
    for (int i = 0; i < BLOCK; i++) block[i] = new Transaction();
    float[] scores = new float[BLOCK];
    long[] atNs = new long[5];
    long fromNs = 0;
    for (int from = 0; from < rows.length; from += BLOCK) {
      int count = Math.min(BLOCK, rows.length - from);
      if (from <= warmUp) fromNs = system.getProcessCpuTime();
      if (isClocked) atNs[0] = threadNs();
      for (int i = 0; i < count; i++) {
        parser.parse(rows[from + i], block[i]);
        block[i].offset = from + i;
      }
      if (isClocked) atNs[1] = threadNs();
      for (int i = 0; i < count; i++) windows.observe(block[i]);
      if (isClocked) atNs[2] = threadNs();
      for (int i = 0; i < count; i++) scores[i] = scorer.score(block[i].features);
      if (isClocked) atNs[3] = threadNs();
      for (int i = 0; i < count; i++) decisions[from + i] = writer.write(block[i], scores[i]);
      if (isClocked) atNs[4] = threadNs();
      if (!isClocked || from < warmUp) continue;
      for (int stage = 0; stage < 4; stage++) stagesNs[stage] += atNs[stage + 1] - atNs[stage];
    }
    return system.getProcessCpuTime() - fromNs;
  }

  private void write(Path path) throws IOException {
    try (OutputStream out = new BufferedOutputStream(Files.newOutputStream(path))) {
      for (byte[] decision : decisions) {
        out.write(decision);
        out.write('\n');
      }
    }
  }

  private static long threadNs() {
    return ManagementFactory.getThreadMXBean().getCurrentThreadCpuTime();
  }
}
