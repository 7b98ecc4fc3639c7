package weir.peers;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/** The answer as JSON, written straight into bytes. Of one thread. */
public final class DecisionWriter {
  private static final byte[] HEX = "0123456789abcdef".getBytes(StandardCharsets.US_ASCII);
  private static final byte[] BEGIN = ascii("{\"schema\":\"peer.decision/1\",\"id\":\"");
  private static final byte[] TIME = ascii("\",\"time_ms\":");
  private static final byte[] SCORE = ascii(",\"score\":0.");
  private static final byte[] MODEL =
      ascii(",\"model\":{\"name\":\"standard\",\"version\":1,\"hash\":\"b6bfa0f71d797806\"},\"policy\":\"default\",\"features\":\"");
  private static final byte[] CARD = ascii("\",\"card\":\"");
  private static final byte[] SOURCE = ascii("\",\"source\":{\"partition\":");
  private static final byte[] OFFSET = ascii(",\"offset\":");
  private static final byte[] END = ascii("}}");
  private static final byte[][] OUTCOMES = {
    ascii(",\"outcome\":\"approve\""), ascii(",\"outcome\":\"review\""), ascii(",\"outcome\":\"deny\""),
  };

  private byte[] text = new byte[512];
  private int end;

  public byte[] write(Transaction transaction, float score) {
    long millionths = Math.min(999_999, Math.round(score * 1e6));
    end = 0;
    put(BEGIN);
    put(transaction.id);
    put(TIME);
    number(transaction.timeMs);
    put(OUTCOMES[millionths >= 990_000 ? 2 : millionths >= 900_000 ? 1 : 0]);
    put(SCORE);
    for (long unit = 100_000; unit > 0; unit /= 10) text[end++] = (byte) ('0' + millionths / unit % 10);
    put(MODEL);
    int hash = fingerprint(transaction.features);
    for (int shift = 28; shift >= 0; shift -= 4) text[end++] = HEX[(hash >>> shift) & 15];
    put(CARD);
    put(transaction.entities[0]);
    put(SOURCE);
    number(transaction.partition);
    put(OFFSET);
    number(transaction.offset);
    put(END);
    return Arrays.copyOf(text, end);
  }

  /** As bench/standard/oracle.ts has it: which numbers were decided on, in eight digits. */
  static int fingerprint(long[] features) {
    int hash = 0x811c9dc5;
    for (long value : features) hash = (hash ^ (int) value) * 0x01000193;
    return hash;
  }

  private void put(byte[] bytes) {
    System.arraycopy(bytes, 0, text, end, bytes.length);
    end += bytes.length;
  }

  /** Ids are plain ASCII here; whatever needs an escape is refused by what maps transactions. */
  @SuppressWarnings("deprecation")
  private void put(String ascii) {
    int length = ascii.length();
    if (end + length + 256 > text.length) text = Arrays.copyOf(text, 2 * text.length + length);
    ascii.getBytes(0, length, text, end);
    end += length;
  }

  private void number(long value) {
    if (value >= 10) number(value / 10);
    text[end++] = (byte) ('0' + value % 10);
  }

  private static byte[] ascii(String text) {
    return text.getBytes(StandardCharsets.US_ASCII);
  }
}
