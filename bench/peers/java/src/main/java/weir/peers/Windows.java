package weir.peers;

import java.util.HashMap;
import java.util.Map;

/** Journals of all entities in the heap. Of one thread. */
public final class Windows {
  private final Map<String, Journal>[] journals;

  @SuppressWarnings("unchecked")
  public Windows() {
    journals = new Map[Transaction.ENTITIES];
    for (int kind = 0; kind < journals.length; kind++) journals[kind] = new HashMap<>(1 << 16);
  }

  /** Counts a transaction under all its entities and fills its features. */
  public void observe(Transaction transaction) {
    for (int kind = 0; kind < Transaction.ENTITIES; kind++) observe(transaction, kind);
  }

  public void observe(Transaction transaction, int kind) {
    journal(kind, transaction.entities[kind])
        .observe(
            transaction.timeMs,
            transaction.amountMinor,
            transaction.features,
            kind * Transaction.PER_ENTITY);
  }

  public void restore(int kind, String entity, long time, long amount) {
    journal(kind, entity).restore(time, amount);
  }

  private Journal journal(int kind, String entity) {
    Journal journal = journals[kind].get(entity);
    if (journal == null) journals[kind].put(entity, journal = new Journal());
    return journal;
  }
}
