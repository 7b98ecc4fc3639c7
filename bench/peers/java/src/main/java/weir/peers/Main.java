package weir.peers;

/** `Main floor|streams|flink|echo name=value…`: one peer, until it is ended. */
public final class Main {
  public static void main(String[] arguments) throws Exception {
    Options options = new Options(arguments, 1);
    switch (arguments[0]) {
      case "floor" -> Floor.run(options);
      case "streams" -> StreamsPeer.run(options);
      case "flink" -> FlinkPeer.run(options);
      case "echo" -> EchoPeer.run(options);
      default -> throw new IllegalArgumentException("no such peer: " + arguments[0]);
    }
  }
}
