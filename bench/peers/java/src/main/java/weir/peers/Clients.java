package weir.peers;

import java.nio.charset.StandardCharsets;
import java.util.function.BiConsumer;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.Headers;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.header.internals.RecordHeaders;

/** Settings of Kafka's clients that all peers share: as durable as Weir's, batches as large as the broker takes them. */
final class Clients {
  /** With it a subscriber knows which transaction a decision answers. */
  private static final String SOURCE_OFFSET = "weir-source-offset";

  static Headers sourceOffset(long offset) {
    byte[] digits = Long.toString(offset).getBytes(StandardCharsets.ISO_8859_1);
    return new RecordHeaders(new Header[] {new RecordHeader(SOURCE_OFFSET, digits)});
  }

  static void consumer(BiConsumer<String, Object> put, Options options) {
    put.accept(ConsumerConfig.AUTO_OFFSET_RESET_CONFIG, "earliest");
    put.accept(ConsumerConfig.FETCH_MIN_BYTES_CONFIG, 1);
    put.accept(ConsumerConfig.MAX_PARTITION_FETCH_BYTES_CONFIG, 4 << 20);
    put.accept(ConsumerConfig.CHECK_CRCS_CONFIG, false);
  }

  static void producer(BiConsumer<String, Object> put, Options options) {
    put.accept(ProducerConfig.ACKS_CONFIG, "all");
    put.accept(ProducerConfig.ENABLE_IDEMPOTENCE_CONFIG, true);
    put.accept(ProducerConfig.LINGER_MS_CONFIG, options.number("linger-ms"));
    put.accept(ProducerConfig.BATCH_SIZE_CONFIG, 256 << 10);
    put.accept(ProducerConfig.COMPRESSION_TYPE_CONFIG, "none");
  }
}
