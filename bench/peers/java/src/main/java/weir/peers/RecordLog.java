package weir.peers;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.state.KeyValueIterator;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.StoreBuilder;
import org.apache.kafka.streams.state.Stores;

/**
 * The durable side of windows in the heap, as a store of Kafka Streams with its changelog: one put per transaction, of what its
 * records need, under its offset modulo the ring. Old ones are overwritten, so nothing is ever deleted; at a start the
 * windows are made again from it.
 */
final class RecordLog {
  /** More than the longest window and the lateness hold, of any partition. */
  private static final int RING = 1 << 18;

  private final KeyValueStore<Integer, byte[]> store;
  private final byte[] scratch = new byte[1200];

  RecordLog(KeyValueStore<Integer, byte[]> store) {
    this.store = store;
  }

  static StoreBuilder<KeyValueStore<Integer, byte[]>> builder(String name, String kind) {
    return Stores.keyValueStoreBuilder(
            kind.equals("rocksdb") ? Stores.persistentKeyValueStore(name) : Stores.inMemoryKeyValueStore(name),
            Serdes.Integer(),
            Serdes.ByteArray())
        .withCachingDisabled();
  }

  /** Records of the kinds `from` to `to`, exclusively. */
  void append(long offset, Transaction transaction, int from, int to) {
    ByteBuffer out = ByteBuffer.wrap(scratch);
    out.putLong(offset).putLong(transaction.timeMs).putLong(transaction.amountMinor);
    for (int kind = from; kind < to; kind++) TransactionBytes.put(out, transaction.entities[kind]);
    store.put((int) (offset % RING), Arrays.copyOf(scratch, out.position()));
  }

  void restore(Windows windows, int from, int to) {
    List<ByteBuffer> records = new ArrayList<>();
    try (KeyValueIterator<Integer, byte[]> all = store.all()) {
      while (all.hasNext()) {
        KeyValue<Integer, byte[]> next = all.next();
        records.add(ByteBuffer.wrap(next.value));
      }
    }
    records.sort(Comparator.comparingLong(record -> record.getLong(0)));
    for (ByteBuffer record : records) {
      record.getLong();
      long time = record.getLong();
      long amount = record.getLong();
      for (int kind = from; kind < to; kind++) windows.restore(kind, TransactionBytes.text(record), time, amount);
    }
  }
}
