package weir.peers;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import org.apache.flink.api.common.typeutils.SimpleTypeSerializerSnapshot;
import org.apache.flink.api.common.typeutils.TypeSerializerSnapshot;
import org.apache.flink.api.common.typeutils.base.TypeSerializerSingleton;
import org.apache.flink.core.memory.DataInputView;
import org.apache.flink.core.memory.DataOutputView;

/** A transaction between two tasks of Flink, with the features it has so far. */
public final class TransactionSerializer extends TypeSerializerSingleton<Transaction> {
  static final TransactionSerializer INSTANCE = new TransactionSerializer();

  @Override
  public boolean isImmutableType() {
    return false;
  }

  @Override
  public Transaction createInstance() {
    return new Transaction();
  }

  @Override
  public Transaction copy(Transaction from) {
    return copy(from, new Transaction());
  }

  @Override
  public Transaction copy(Transaction from, Transaction into) {
    into.id = from.id;
    into.timeMs = from.timeMs;
    into.amountMinor = from.amountMinor;
    into.partition = from.partition;
    into.offset = from.offset;
    into.kindsDone = from.kindsDone;
    System.arraycopy(from.entities, 0, into.entities, 0, Transaction.ENTITIES);
    System.arraycopy(from.features, 0, into.features, 0, Transaction.FEATURES);
    return into;
  }

  @Override
  public int getLength() {
    return -1;
  }

  @Override
  public void serialize(Transaction from, DataOutputView target) throws IOException {
    target.writeLong(from.timeMs);
    target.writeLong(from.amountMinor);
    target.writeInt(from.partition);
    target.writeLong(from.offset);
    target.writeByte(from.kindsDone);
    write(from.id, target);
    for (String entity : from.entities) write(entity, target);
    for (int f = 0; f < from.kindsDone * Transaction.PER_ENTITY; f++) target.writeLong(from.features[f]);
  }

  @Override
  public Transaction deserialize(DataInputView source) throws IOException {
    return deserialize(new Transaction(), source);
  }

  @Override
  public Transaction deserialize(Transaction into, DataInputView source) throws IOException {
    into.timeMs = source.readLong();
    into.amountMinor = source.readLong();
    into.partition = source.readInt();
    into.offset = source.readLong();
    into.kindsDone = source.readByte();
    into.id = read(source);
    for (int kind = 0; kind < Transaction.ENTITIES; kind++) into.entities[kind] = read(source);
    for (int f = 0; f < into.kindsDone * Transaction.PER_ENTITY; f++) into.features[f] = source.readLong();
    return into;
  }

  @Override
  public void copy(DataInputView source, DataOutputView target) throws IOException {
    serialize(deserialize(source), target);
  }

  private static void write(String text, DataOutputView target) throws IOException {
    byte[] bytes = text.getBytes(StandardCharsets.ISO_8859_1);
    target.writeByte(bytes.length);
    target.write(bytes);
  }

  private static String read(DataInputView source) throws IOException {
    byte[] bytes = new byte[source.readUnsignedByte()];
    source.readFully(bytes);
    return new String(bytes, StandardCharsets.ISO_8859_1);
  }

  @Override
  public TypeSerializerSnapshot<Transaction> snapshotConfiguration() {
    return new Snapshot();
  }

  public static final class Snapshot extends SimpleTypeSerializerSnapshot<Transaction> {
    public Snapshot() {
      super(() -> INSTANCE);
    }
  }
}
