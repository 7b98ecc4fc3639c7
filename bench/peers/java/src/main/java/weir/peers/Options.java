package weir.peers;

import java.util.HashMap;
import java.util.Map;

/** `name=value` of the command line. A name that is missing is an error where it is asked for. */
final class Options {
  private final Map<String, String> values = new HashMap<>();

  Options(String[] arguments, int from) {
    for (int i = from; i < arguments.length; i++) {
      String[] parts = arguments[i].split("=", 2);
      if (parts.length != 2) throw new IllegalArgumentException("expected name=value, found " + arguments[i]);
      values.put(parts[0], parts[1]);
    }
  }

  String text(String name) {
    String value = values.get(name);
    if (value == null) throw new IllegalArgumentException("expected " + name + "=…, found none");
    return value;
  }

  int number(String name) {
    return Integer.parseInt(text(name));
  }

  boolean is(String name) {
    return Boolean.parseBoolean(text(name));
  }
}
