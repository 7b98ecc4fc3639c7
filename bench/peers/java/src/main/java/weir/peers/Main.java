package weir.peers;

/** `Main floor|streams|flink|echo name=value…`: one peer, until it is ended. */
public final class Main {
  public static void main(String[] arguments) {
    try {
      run(arguments[0], new Options(arguments, 1));
    } catch (Throwable failure) {
      failure.printStackTrace();
      // Threads of a peer that failed to start would go on.
      Runtime.getRuntime().halt(1);
    }
  }

  private static void run(String peer, Options options) throws Exception {
    switch (peer) {
      case "floor" -> Floor.run(options);
      case "streams" -> StreamsPeer.run(options);
      case "flink" -> FlinkPeer.run(options);
      case "echo" -> EchoPeer.run(options);
      default -> throw new IllegalArgumentException("no such peer: " + peer);
    }
  }
}
