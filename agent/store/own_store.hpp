// A store as one process knows it: what the process has read or written last, by version. A write
// replaces exactly that version (compare and swap, proto/trust/store.hpp). So a store that somebody
// else writes to, such as a second agent on the same state folder, is noticed and not overwritten.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "proto/crypto/hash.hpp"
#include "proto/trust/store.hpp"

namespace culvert::agent {

class OwnStore {
 public:
  // `store` outlives this object.
  explicit OwnStore(trust::StateStore& store) : store_(&store) {}

  Result<std::optional<Bytes>> get(std::string_view name);  // nothing: no such value
  // Durable on success. kConflict: somebody else has changed the value since this process has read
  // or written it; the error says what to do. Other errors: the store's own.
  Status put(std::string_view name, ByteView value);
  Status remove(std::string_view name);

 private:
  struct Seen {
    std::uint64_t version = 0;  // 0: absent
    // Hash of the last value whose write failed. The value may have reached the disk all the same.
    std::optional<crypto::Hash> attempted;
  };
  Result<std::optional<trust::StoredValue>> load(std::string_view name);
  Result<Seen*> seen(std::string_view name);

  trust::StateStore* store_;
  std::map<std::string, Seen, std::less<>> seen_;
};

}  // namespace culvert::agent
