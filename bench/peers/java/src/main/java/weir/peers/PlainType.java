package weir.peers;

import org.apache.flink.api.common.serialization.SerializerConfig;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.api.common.typeutils.TypeSerializer;

/** A type of Flink with a serializer of ours, in place of Kryo's guesses. */
final class PlainType<T> extends TypeInformation<T> {
  static final PlainType<Transaction> TRANSACTION =
      new PlainType<>(Transaction.class, TransactionSerializer.INSTANCE);
  static final PlainType<Journal> JOURNAL = new PlainType<>(Journal.class, JournalSerializer.INSTANCE);

  private final Class<T> type;
  private final TypeSerializer<T> serializer;

  private PlainType(Class<T> type, TypeSerializer<T> serializer) {
    this.type = type;
    this.serializer = serializer;
  }

  @Override
  public boolean isBasicType() {
    return false;
  }

  @Override
  public boolean isTupleType() {
    return false;
  }

  @Override
  public int getArity() {
    return 1;
  }

  @Override
  public int getTotalFields() {
    return 1;
  }

  @Override
  public Class<T> getTypeClass() {
    return type;
  }

  @Override
  public boolean isKeyType() {
    return false;
  }

  @Override
  public TypeSerializer<T> createSerializer(SerializerConfig config) {
    return serializer;
  }

  @Override
  public String toString() {
    return type.getSimpleName();
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof PlainType<?> plain && plain.type == type;
  }

  @Override
  public int hashCode() {
    return type.hashCode();
  }

  @Override
  public boolean canEqual(Object other) {
    return other instanceof PlainType;
  }
}
