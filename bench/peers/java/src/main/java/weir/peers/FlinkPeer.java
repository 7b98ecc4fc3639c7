package weir.peers;

import static java.util.Map.entry;

import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Map;
import java.util.Properties;
import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.functions.OpenContext;
import org.apache.flink.api.common.functions.RichMapFunction;
import org.apache.flink.api.common.state.ValueState;
import org.apache.flink.api.common.state.ValueStateDescriptor;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.api.java.functions.KeySelector;
import org.apache.flink.api.java.tuple.Tuple3;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.connector.base.DeliveryGuarantee;
import org.apache.flink.connector.kafka.sink.KafkaRecordSerializationSchema;
import org.apache.flink.connector.kafka.sink.KafkaSink;
import org.apache.flink.connector.kafka.source.KafkaSource;
import org.apache.flink.connector.kafka.source.enumerator.initializer.OffsetsInitializer;
import org.apache.flink.connector.kafka.source.reader.deserializer.KafkaRecordDeserializationSchema;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.datastream.DataStreamUtils;
import org.apache.flink.streaming.api.datastream.KeyedStream;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.api.functions.KeyedProcessFunction;
import org.apache.flink.util.Collector;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.producer.ProducerRecord;

/**
 * Flink in one process, state in the heap: a keyed function per entity, one after the other. At a parallelism of one they are
 * chained, so that nothing is serialized between them; else each is behind an exchange.
 */
final class FlinkPeer {
  private static final String[] KINDS = {"card", "merchant", "device", "ip"};

  static void run(Options options) throws Exception {
    int parallelism = options.number("parallelism");
    StreamExecutionEnvironment environment =
        StreamExecutionEnvironment.createLocalEnvironment(parallelism, settings(options));
    environment.getConfig().enableObjectReuse();
    DataStream<Transaction> stream =
        environment.fromSource(
            source(options), WatermarkStrategy.noWatermarks(), "transactions", PlainType.TRANSACTION);
    for (int kind = 0; kind < KINDS.length; kind++) {
      int of = kind;
      KeySelector<Transaction, String> key = transaction -> transaction.entities[of];
      KeyedStream<Transaction, String> keyed =
          parallelism == 1
              ? DataStreamUtils.reinterpretAsKeyedStream(stream, key, Types.STRING)
              : stream.keyBy(key, Types.STRING);
      stream = keyed.process(new EntityWindows(kind), PlainType.TRANSACTION).name(KINDS[kind]);
    }
    TypeInformation<byte[]> bytes = TypeInformation.of(byte[].class);
    stream
        .map(new Decide(options.text("scorer"), options.text("model")))
        .returns(Types.TUPLE(bytes, bytes, Types.LONG))
        .sinkTo(sink(options));
    environment.execute("peer");
  }

  private static Configuration settings(Options options) {
    return Configuration.fromMap(
        Map.ofEntries(
            entry("state.backend.type", "hashmap"),
            entry("execution.checkpointing.storage", "filesystem"),
            entry("execution.checkpointing.dir", "file://" + options.text("folder") + "/checkpoints"),
            entry("execution.checkpointing.interval", options.text("checkpoint-ms") + "ms"),
            entry("execution.checkpointing.mode", options.text("guarantee")),
            entry("execution.buffer-timeout.interval", options.text("linger-ms") + "ms"),
            entry("taskmanager.memory.managed.size", "16mb"),
            entry("taskmanager.memory.network.min", "64mb"),
            entry("taskmanager.memory.network.max", "64mb"),
            entry("pipeline.generic-types", "false"),
            entry("heartbeat.timeout", "300s"),
            // A failure is shown, not repeated.
            entry("restart-strategy.type", "none")));
  }

  private static KafkaSource<Transaction> source(Options options) {
    Properties settings = new Properties();
    Clients.consumer((name, value) -> settings.setProperty(name, value.toString()), options);
    settings.setProperty("max.poll.records", "2000");
    settings.setProperty("partition.discovery.interval.ms", "-1");
    return KafkaSource.<Transaction>builder()
        .setBootstrapServers(options.text("brokers"))
        .setTopics(options.text("transactions"))
        .setGroupId(options.text("name"))
        .setStartingOffsets(OffsetsInitializer.earliest())
        .setDeserializer(new Parse())
        .setProperties(settings)
        .build();
  }

  private static KafkaSink<Tuple3<byte[], byte[], Long>> sink(Options options) {
    Properties settings = new Properties();
    Clients.producer((name, value) -> settings.setProperty(name, value.toString()), options);
    settings.setProperty("buffer.memory", String.valueOf(64 << 20));
    settings.setProperty("transaction.timeout.ms", String.valueOf(Duration.ofMinutes(10).toMillis()));
    return KafkaSink.<Tuple3<byte[], byte[], Long>>builder()
        .setBootstrapServers(options.text("brokers"))
        .setKafkaProducerConfig(settings)
        .setDeliveryGuarantee(DeliveryGuarantee.valueOf(options.text("guarantee")))
        .setTransactionalIdPrefix(options.text("name"))
        .setRecordSerializer(new ToDecisions(options.text("decisions")))
        .build();
  }

  /** One object is filled again and again: all that is chained behind it is done before the next one comes. */
  private static final class Parse implements KafkaRecordDeserializationSchema<Transaction> {
    private transient TransactionParser parser;
    private transient Transaction transaction;

    @Override
    public void deserialize(ConsumerRecord<byte[], byte[]> record, Collector<Transaction> out) {
      if (parser == null) {
        parser = new TransactionParser();
        transaction = new Transaction();
      }
      parser.parse(record.value(), transaction);
      transaction.partition = record.partition();
      transaction.offset = record.offset();
      transaction.kindsDone = 0;
      out.collect(transaction);
    }

    @Override
    public TypeInformation<Transaction> getProducedType() {
      return PlainType.TRANSACTION;
    }
  }

  private static final class EntityWindows extends KeyedProcessFunction<String, Transaction, Transaction> {
    private final int kind;
    private transient ValueState<Journal> state;

    EntityWindows(int kind) {
      this.kind = kind;
    }

    @Override
    public void open(OpenContext context) {
      state = getRuntimeContext().getState(new ValueStateDescriptor<>("journal", PlainType.JOURNAL));
    }

    @Override
    public void processElement(Transaction transaction, Context context, Collector<Transaction> out)
        throws Exception {
      Journal journal = state.value();
      if (journal == null) {
        journal = new Journal();
        state.update(journal);
      }
      // The state in the heap hands out a copy of its own while a snapshot is being written: no second update is needed.
      journal.observe(
          transaction.timeMs,
          transaction.amountMinor,
          transaction.features,
          kind * Transaction.PER_ENTITY);
      transaction.kindsDone = kind + 1;
      out.collect(transaction);
    }
  }

  private static final class Decide extends RichMapFunction<Transaction, Tuple3<byte[], byte[], Long>> {
    private final String kind;
    private final String model;
    private transient Scorer scorer;
    private transient DecisionWriter writer;

    Decide(String kind, String model) {
      this.kind = kind;
      this.model = model;
    }

    @Override
    public void open(OpenContext context) {
      scorer = Scorer.open(kind, model);
      writer = new DecisionWriter();
    }

    @Override
    public Tuple3<byte[], byte[], Long> map(Transaction transaction) {
      byte[] decision = writer.write(transaction, scorer.score(transaction.features));
      byte[] id = transaction.id.getBytes(StandardCharsets.ISO_8859_1);
      return Tuple3.of(id, decision, transaction.offset);
    }

    @Override
    public void close() {
      if (scorer != null) scorer.close();
    }
  }

  private static final class ToDecisions implements KafkaRecordSerializationSchema<Tuple3<byte[], byte[], Long>> {
    private final String topic;

    ToDecisions(String topic) {
      this.topic = topic;
    }

    @Override
    public ProducerRecord<byte[], byte[]> serialize(
        Tuple3<byte[], byte[], Long> decision, KafkaSinkContext context, Long timestamp) {
      return new ProducerRecord<>(topic, null, null, decision.f0, decision.f1, Clients.sourceOffset(decision.f2));
    }
  }
}
