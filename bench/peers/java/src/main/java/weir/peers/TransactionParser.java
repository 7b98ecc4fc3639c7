package weir.peers;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import java.io.IOException;
import java.io.UncheckedIOException;

/** Jackson's streaming parser: only the fields that are needed become values. Of one thread. */
public final class TransactionParser {
  private final JsonFactory factory = new JsonFactory();

  public void parse(byte[] json, Transaction into) {
    try (JsonParser parser = factory.createParser(json)) {
      int found = 0;
      parser.nextToken();
      for (String name = parser.nextFieldName(); name != null; name = parser.nextFieldName()) {
        JsonToken token = parser.nextToken();
        switch (name) {
          case "transaction_id" -> {
            into.id = parser.getText();
            found |= 1;
          }
          case "time_ms" -> {
            into.timeMs = parser.getLongValue();
            found |= 2;
          }
          case "amount" -> {
            into.amountMinor = minor(parser);
            found |= 4;
          }
          case "card" -> {
            into.entities[0] = parser.getText();
            found |= 8;
          }
          case "merchant" -> {
            into.entities[1] = parser.getText();
            found |= 16;
          }
          case "device" -> {
            into.entities[2] = parser.getText();
            found |= 32;
          }
          case "ip" -> {
            into.entities[3] = parser.getText();
            found |= 64;
          }
          default -> {
            if (token.isStructStart()) parser.skipChildren();
          }
        }
      }
      if (found != 127) throw new IllegalArgumentException("a field is missing: " + new String(json));
    } catch (IOException cause) {
      throw new UncheckedIOException(cause);
    }
  }

  /** A decimal number with at most two digits behind the point, in hundredths: exact, without floating point. */
  private static long minor(JsonParser parser) throws IOException {
    char[] text = parser.getTextCharacters();
    int from = parser.getTextOffset();
    int to = from + parser.getTextLength();
    long whole = 0;
    int digits = -1;
    for (int i = from; i < to; i++) {
      char c = text[i];
      if (c == '.') digits = 0;
      else if (c < '0' || c > '9' || digits == 2) throw new IllegalArgumentException("no amount");
      else {
        whole = whole * 10 + (c - '0');
        if (digits >= 0) digits++;
      }
    }
    return digits <= 0 ? whole * 100 : digits == 1 ? whole * 10 : whole;
  }
}
