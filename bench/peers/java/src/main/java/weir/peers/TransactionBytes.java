package weir.peers;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/** A transaction between two stages, with the features of the kinds that have had their turn. Of one thread. */
final class TransactionBytes {
  private final byte[] scratch = new byte[4096];

  byte[] write(Transaction transaction, int kindsDone) {
    ByteBuffer out = ByteBuffer.wrap(scratch);
    out.putLong(transaction.timeMs).putLong(transaction.amountMinor);
    out.putInt(transaction.partition).putLong(transaction.offset);
    put(out, transaction.id);
    for (String entity : transaction.entities) put(out, entity);
    for (int f = 0; f < kindsDone * Transaction.PER_ENTITY; f++) out.putLong(transaction.features[f]);
    return Arrays.copyOf(scratch, out.position());
  }

  void read(byte[] bytes, Transaction into, int kindsDone) {
    ByteBuffer in = ByteBuffer.wrap(bytes);
    into.timeMs = in.getLong();
    into.amountMinor = in.getLong();
    into.partition = in.getInt();
    into.offset = in.getLong();
    into.id = text(in);
    for (int kind = 0; kind < Transaction.ENTITIES; kind++) into.entities[kind] = text(in);
    for (int f = 0; f < kindsDone * Transaction.PER_ENTITY; f++) into.features[f] = in.getLong();
  }

  static void put(ByteBuffer out, String text) {
    byte[] bytes = text.getBytes(StandardCharsets.ISO_8859_1);
    out.put((byte) bytes.length).put(bytes);
  }

  static String text(ByteBuffer in) {
    int length = in.get() & 255;
    String text = new String(in.array(), in.position(), length, StandardCharsets.ISO_8859_1);
    in.position(in.position() + length);
    return text;
  }
}
