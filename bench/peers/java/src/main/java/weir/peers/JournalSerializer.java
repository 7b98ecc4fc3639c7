package weir.peers;

import java.io.IOException;
import org.apache.flink.api.common.typeutils.SimpleTypeSerializerSnapshot;
import org.apache.flink.api.common.typeutils.TypeSerializerSnapshot;
import org.apache.flink.api.common.typeutils.base.TypeSerializerSingleton;
import org.apache.flink.core.memory.DataInputView;
import org.apache.flink.core.memory.DataOutputView;

/** A journal in Flink's state. Running sums are written too, so that nothing is computed at a restore. */
public final class JournalSerializer extends TypeSerializerSingleton<Journal> {
  static final JournalSerializer INSTANCE = new JournalSerializer();

  @Override
  public boolean isImmutableType() {
    return false;
  }

  @Override
  public Journal createInstance() {
    return new Journal();
  }

  @Override
  public Journal copy(Journal from) {
    return from.copy();
  }

  @Override
  public Journal copy(Journal from, Journal reuse) {
    return from.copy();
  }

  @Override
  public int getLength() {
    return -1;
  }

  @Override
  public void serialize(Journal journal, DataOutputView target) throws IOException {
    target.writeInt(journal.end - journal.first);
    for (int i = journal.first; i < journal.end; i++) {
      target.writeLong(journal.times[i]);
      target.writeLong(journal.amounts[i]);
    }
    target.writeLong(journal.newest);
    for (int w = 0; w < Journal.WINDOWS; w++) {
      target.writeInt(journal.heads[w] - journal.first);
      target.writeLong(journal.sums[w]);
    }
  }

  @Override
  public Journal deserialize(DataInputView source) throws IOException {
    int size = source.readInt();
    Journal journal = new Journal(Math.max(4, size));
    for (int i = 0; i < size; i++) {
      journal.times[i] = source.readLong();
      journal.amounts[i] = source.readLong();
    }
    journal.end = size;
    journal.newest = source.readLong();
    for (int w = 0; w < Journal.WINDOWS; w++) {
      journal.heads[w] = source.readInt();
      journal.sums[w] = source.readLong();
    }
    return journal;
  }

  @Override
  public Journal deserialize(Journal reuse, DataInputView source) throws IOException {
    return deserialize(source);
  }

  @Override
  public void copy(DataInputView source, DataOutputView target) throws IOException {
    serialize(deserialize(source), target);
  }

  @Override
  public TypeSerializerSnapshot<Journal> snapshotConfiguration() {
    return new Snapshot();
  }

  public static final class Snapshot extends SimpleTypeSerializerSnapshot<Journal> {
    public Snapshot() {
      super(() -> INSTANCE);
    }
  }
}
