package weir.peers;

/** A transaction on its way: what was read of it, and its features so far. */
public final class Transaction {
  public static final int ENTITIES = 4;
  public static final int PER_ENTITY = 2 * Journal.WINDOWS;
  public static final int FEATURES = ENTITIES * PER_ENTITY;

  public String id;
  public long timeMs;
  public long amountMinor;
  public final String[] entities = new String[ENTITIES];
  public int partition;
  public long offset;
  public final long[] features = new long[FEATURES];
  /** Entities whose features are there, from the first on. */
  public int kindsDone;
}
