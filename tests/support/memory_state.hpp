// A state store in memory. The store outlives a core, so a test restarts a node with a new core on
// the same store.
#pragma once

#include <map>

#include "proto/trust/store.hpp"

namespace culvert::trust {

class MemoryStore final : public StateStore {
 public:
  Result<std::optional<StoredValue>> load(std::string_view name) override;
  Result<std::uint64_t> replace(std::string_view name, ByteView value,
                                std::uint64_t expected) override;
  Status remove(std::string_view name) override;

  using Values = std::map<std::string, StoredValue, std::less<>>;
  const Values& values() const { return values_; }
  void restore(Values values);  // as if a backup was put back

  void break_with(std::optional<Error> error) {
    error_ = std::move(error);
  }  // for every call until the next break_with()

 private:
  Status check(std::string_view name) const;

  Values values_;
  std::uint64_t last_version_ = 0;  // never reused, even after a removal
  std::optional<Error> error_;
};

}  // namespace culvert::trust
