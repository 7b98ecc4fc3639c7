package weir.peers;

import java.util.Arrays;

/**
 * One entity's records in order of time, with a running sum and a head per window: exact windows (t − W, t] of what was there
 * before. What comes late is inserted in place, and has its own windows summed up afresh.
 */
public final class Journal {
  public static final long[] WINDOW_MS = {60_000, 600_000, 3_600_000, 21_600_000, 86_400_000};
  public static final int WINDOWS = WINDOW_MS.length;
  /** Transactions come up to an hour late, and partitions are read at different speeds. */
  static final long KEPT_MS = WINDOW_MS[WINDOWS - 1] + 6 * 3_600_000;

  long[] times;
  long[] amounts;
  int first;
  int end;
  long newest = Long.MIN_VALUE;
  final int[] heads = new int[WINDOWS];
  final long[] sums = new long[WINDOWS];

  public Journal() {
    this(4);
  }

  Journal(int capacity) {
    times = new long[capacity];
    amounts = new long[capacity];
  }

  /** Adds a record, and puts count and sum of each window, with itself, into `features` from `at` on. */
  public void observe(long time, long amount, long[] features, int at) {
    if (end == times.length) makeRoom();
    if (time < newest) {
      insert(time, amount, features, at);
      return;
    }
    newest = time;
    times[end] = time;
    amounts[end] = amount;
    end++;
    for (int w = 0; w < WINDOWS; w++) {
      long edge = time - WINDOW_MS[w];
      int head = heads[w];
      long sum = sums[w] + amount;
      while (times[head] <= edge) sum -= amounts[head++];
      heads[w] = head;
      sums[w] = sum;
      features[at++] = end - head;
      features[at++] = sum;
    }
    while (times[first] <= time - KEPT_MS) first++;
  }

  private void insert(long time, long amount, long[] features, int at) {
    int place = behind(time, end);
    for (int w = 0; w < WINDOWS; w++) {
      int from = behind(time - WINDOW_MS[w], place);
      long sum = amount;
      for (int i = from; i < place; i++) sum += amounts[i];
      features[at++] = place - from + 1;
      features[at++] = sum;
    }
    System.arraycopy(times, place, times, place + 1, end - place);
    System.arraycopy(amounts, place, amounts, place + 1, end - place);
    times[place] = time;
    amounts[place] = amount;
    end++;
    for (int w = 0; w < WINDOWS; w++) {
      if (time > newest - WINDOW_MS[w]) sums[w] += amount;
      else heads[w]++;
    }
  }

  /** Index behind the last record before `to` whose time is at most `time`. */
  private int behind(long time, int to) {
    int low = first;
    int high = to;
    while (low < high) {
      int middle = (low + high) >>> 1;
      if (times[middle] <= time) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  private void makeRoom() {
    int size = end - first;
    int capacity = Math.max(4, size > times.length / 2 ? times.length * 2 : times.length);
    long[] newTimes = capacity == times.length ? times : new long[capacity];
    long[] newAmounts = capacity == times.length ? amounts : new long[capacity];
    System.arraycopy(times, first, newTimes, 0, size);
    System.arraycopy(amounts, first, newAmounts, 0, size);
    times = newTimes;
    amounts = newAmounts;
    for (int w = 0; w < WINDOWS; w++) heads[w] -= first;
    end = size;
    first = 0;
  }

  Journal copy() {
    int size = end - first;
    Journal copy = new Journal(Math.max(4, size));
    System.arraycopy(times, first, copy.times, 0, size);
    System.arraycopy(amounts, first, copy.amounts, 0, size);
    copy.end = size;
    copy.newest = newest;
    for (int w = 0; w < WINDOWS; w++) {
      copy.heads[w] = heads[w] - first;
      copy.sums[w] = sums[w];
    }
    return copy;
  }

  /** What was written of it elsewhere, in any order: a record that is only to be counted by later ones. */
  public void restore(long time, long amount) {
    observe(time, amount, new long[2 * WINDOWS], 0);
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof Journal journal
        && Arrays.equals(copy().times, journal.copy().times)
        && Arrays.equals(copy().amounts, journal.copy().amounts);
  }

  @Override
  public int hashCode() {
    return Long.hashCode(newest) * 31 + end - first;
  }
}
