package weir.peers;

import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/** Reads and writes what it read: what the brokers and the JVM's clients take, whoever decides. */
final class EchoPeer {
  static void run(Options options) {
    Map<String, Object> in = new HashMap<>();
    in.put("bootstrap.servers", options.text("brokers"));
    in.put("group.id", options.text("name"));
    in.put("max.poll.records", 2000);
    Clients.consumer(in::put, options);
    Map<String, Object> out = new HashMap<>();
    out.put("bootstrap.servers", options.text("brokers"));
    Clients.producer(out::put, options);
    String decisions = options.text("decisions");
    try (var consumer = new KafkaConsumer<>(in, new ByteArrayDeserializer(), new ByteArrayDeserializer());
        var producer = new KafkaProducer<>(out, new ByteArraySerializer(), new ByteArraySerializer())) {
      consumer.subscribe(List.of(options.text("transactions")));
      while (true) {
        for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofMillis(50))) {
          var headers = Clients.sourceOffset(record.offset());
          int partition = record.partition();
          producer.send(new ProducerRecord<>(decisions, partition, null, record.key(), record.value(), headers));
        }
      }
    }
  }
}
