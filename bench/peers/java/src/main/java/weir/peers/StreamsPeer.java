package weir.peers;

import java.nio.charset.StandardCharsets;
import java.util.Properties;
import java.util.concurrent.CountDownLatch;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.KStream;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.kstream.Repartitioned;
import org.apache.kafka.streams.processor.api.ContextualProcessor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.processor.api.RecordMetadata;

/**
 * Kafka Streams. With one partition all entities live in one task; with several, a transaction goes from one repartitioning
 * topic to the next, and each stage adds the features of its entity, which is how several entities keep windows there.
 */
final class StreamsPeer {
  private static final Serde<byte[]> BYTES = Serdes.ByteArray();
  private static final String[] STAGES = {"card", "merchant", "device", "ip"};

  static void run(Options options) throws InterruptedException {
    Topology topology = options.number("partitions") == 1 ? inOneTask(options) : repartitioned(options);
    KafkaStreams streams = new KafkaStreams(topology, settings(options));
    streams.setUncaughtExceptionHandler(
        cause -> {
          cause.printStackTrace();
          Runtime.getRuntime().halt(1);
          return null;
        });
    CountDownLatch ended = new CountDownLatch(1);
    Runtime.getRuntime()
        .addShutdownHook(
            new Thread(
                () -> {
                  streams.close();
                  ended.countDown();
                }));
    streams.start();
    ended.await();
  }

  private static Topology inOneTask(Options options) {
    StreamsBuilder builder = new StreamsBuilder();
    builder.addStateStore(RecordLog.builder("all", options.text("store")));
    builder.stream(options.text("transactions"), Consumed.with(BYTES, BYTES))
        .process(() -> new Stage(options, "all", 0, Transaction.ENTITIES), "all")
        .to(options.text("decisions"), Produced.with(BYTES, BYTES));
    return builder.build();
  }

  private static Topology repartitioned(Options options) {
    StreamsBuilder builder = new StreamsBuilder();
    KStream<byte[], byte[]> stream = builder.stream(options.text("transactions"), Consumed.with(BYTES, BYTES));
    for (int kind = 0; kind < STAGES.length; kind++) {
      String name = STAGES[kind];
      int from = kind;
      builder.addStateStore(RecordLog.builder(name, options.text("store")));
      if (kind > 0) {
        stream =
            stream.repartition(
                Repartitioned.<byte[], byte[]>as(name)
                    .withKeySerde(BYTES)
                    .withValueSerde(BYTES)
                    .withNumberOfPartitions(options.number("partitions")));
      }
      stream = stream.process(() -> new Stage(options, name, from, from + 1), name);
    }
    stream.to(options.text("decisions"), Produced.with(BYTES, BYTES));
    return builder.build();
  }

  /** Windows of the kinds `from` to `to`, exclusively: the first stage parses, the last one scores and answers. */
  private static final class Stage extends ContextualProcessor<byte[], byte[], byte[], byte[]> {
    private final String name;
    private final int from;
    private final int to;
    private final Options options;
    private final Transaction transaction = new Transaction();
    private final Windows windows = new Windows();
    private final TransactionParser parser = new TransactionParser();
    private final TransactionBytes bytes = new TransactionBytes();
    private final DecisionWriter writer = new DecisionWriter();
    private Scorer scorer;
    private RecordLog log;

    Stage(Options options, String name, int from, int to) {
      this.options = options;
      this.name = name;
      this.from = from;
      this.to = to;
    }

    @Override
    public void init(ProcessorContext<byte[], byte[]> context) {
      super.init(context);
      log = new RecordLog(context.getStateStore(name));
      log.restore(windows, from, to);
      if (to == Transaction.ENTITIES) scorer = Scorer.open(options.text("scorer"), options.text("model"));
    }

    @Override
    public void process(Record<byte[], byte[]> record) {
      RecordMetadata source = context().recordMetadata().orElseThrow();
      if (from == 0) {
        parser.parse(record.value(), transaction);
        transaction.partition = source.partition();
        transaction.offset = source.offset();
      } else {
        bytes.read(record.value(), transaction, from);
      }
      for (int kind = from; kind < to; kind++) windows.observe(transaction, kind);
      log.append(source.offset(), transaction, from, to);
      if (to < Transaction.ENTITIES) {
        byte[] next = transaction.entities[to].getBytes(StandardCharsets.ISO_8859_1);
        context().forward(new Record<>(next, bytes.write(transaction, to), record.timestamp()));
        return;
      }
      byte[] decision = writer.write(transaction, scorer.score(transaction.features));
      byte[] id = transaction.id.getBytes(StandardCharsets.ISO_8859_1);
      context().forward(new Record<>(id, decision, record.timestamp(), Clients.sourceOffset(transaction.offset)));
    }

    @Override
    public void close() {
      if (scorer != null) scorer.close();
    }
  }

  private static Properties settings(Options options) {
    Properties settings = new Properties();
    settings.put(StreamsConfig.APPLICATION_ID_CONFIG, options.text("name"));
    settings.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, options.text("brokers"));
    settings.put(StreamsConfig.STATE_DIR_CONFIG, options.text("folder"));
    settings.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, options.text("guarantee"));
    settings.put(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, options.number("commit-ms"));
    settings.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, options.number("threads"));
    settings.put(StreamsConfig.REPLICATION_FACTOR_CONFIG, 1);
    settings.put(StreamsConfig.STATESTORE_CACHE_MAX_BYTES_CONFIG, 0);
    settings.put(StreamsConfig.ENABLE_METRICS_PUSH_CONFIG, false);
    settings.put(StreamsConfig.MAX_TASK_IDLE_MS_CONFIG, options.number("idle-ms"));
    settings.put(StreamsConfig.POLL_MS_CONFIG, 50);
    settings.put(StreamsConfig.BUFFERED_RECORDS_PER_PARTITION_CONFIG, 4000);
    Clients.consumer(
        (key, value) -> settings.put(StreamsConfig.consumerPrefix(key), value), options);
    Clients.producer(
        (key, value) -> settings.put(StreamsConfig.producerPrefix(key), value), options);
    settings.put(StreamsConfig.consumerPrefix(ConsumerConfig.MAX_POLL_RECORDS_CONFIG), 2000);
    settings.put(StreamsConfig.producerPrefix(ProducerConfig.BUFFER_MEMORY_CONFIG), 64 << 20);
    return settings;
  }
}
